/** One event of a scripted session, as the tool's hook gives it. */
export type HookBody = Readonly<Record<string, unknown>>

const FILE_TEXT = 'const gate = openGate({ width: 120, height: 90 })\n'.repeat(16)

/** A session of so many events: begin, then turns of a prompt, two tools and an answer, about 1 KiB each. */
export function sessionEvents(sessionId: string, count: number): HookBody[] {
  const common = {
    session_id: sessionId,
    transcript_path: '/srv/garden/transcript.jsonl',
    cwd: '/srv/garden',
  }
  const turn = (n: number): HookBody[] => [
    { hook_event_name: 'UserPromptSubmit', prompt: `Mend gate number ${n}` },
    tool('PreToolUse', n, 'Read', { file_path: '/srv/garden/gate.ts' }),
    {
      ...tool('PostToolUse', n, 'Read', { file_path: '/srv/garden/gate.ts' }),
      tool_response: { content: FILE_TEXT },
      duration_ms: 12,
    },
    { hook_event_name: 'Stop', stop_hook_active: false, last_assistant_message: `Gate ${n} is mended.` },
  ]
  const turns = Array.from({ length: Math.ceil(count / 4) }, (_, n) => turn(n)).flat()
  return [{ hook_event_name: 'SessionStart', source: 'startup' }, ...turns]
    .slice(0, count)
    .map((event) => ({ ...common, ...event }))
}

function tool(name: string, n: number, toolName: string, input: object): HookBody {
  return { hook_event_name: name, tool_name: toolName, tool_use_id: `toolu_${n}`, tool_input: input }
}
