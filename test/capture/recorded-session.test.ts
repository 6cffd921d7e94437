import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { recordedConversation } from '../../packages/conversations/src/fixtures.ts'
import { createTestDatabase } from '../../packages/db/src/testing/index.ts'
import { KEY } from '../kill/support/api.ts'
import { Stack } from '../kill/support/stack.ts'

const COMMAND = join(import.meta.dirname, '../../packages/hook-client/dist/posthorn-hook.cjs')
const OTHER_APP = '00000000-0000-7000-8000-0000000000b0'

/** An event as it lies in the spool, and as it is sent. */
interface Spooled {
  readonly requestId: string
  readonly capturedAt: string
  readonly body: string
}

/** The published command, in an environment of its own. */
async function hook(home: string, args: string[], input: string, more: NodeJS.ProcessEnv = {}) {
  const env = { PATH: process.env['PATH'], HOME: home, POSTHORN_HOOK_SPOOL_DIR: join(home, 'spool'), ...more }
  const child = spawn(process.execPath, [COMMAND, ...args], { env, cwd: home })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
  child.stdin.end(input)
  const code = await new Promise((resolve) => child.once('close', resolve))
  return { code, output }
}

interface Conversation {
  readonly title: string
  readonly status: string
  readonly messages: readonly { readonly role: string; readonly text: string }[]
  readonly toolUses: readonly Readonly<Record<string, unknown>>[]
}

/** The only conversation of an app, without what differs between two apps: ids and times of arrival. */
async function conversationOf(url: string, app: Record<string, string>): Promise<Conversation> {
  const headers = { authorization: `Bearer ${KEY}`, ...app }
  const get = async (path: string) =>
    (await (await fetch(`${url}/api/v1${path}`, { headers })).json()) as never
  const list: { data: { id: string }[] } = await get('/conversations')
  expect(list.data).toHaveLength(1)
  const text = JSON.stringify(await get(`/conversations/${list.data[0]?.id}`))
  return JSON.parse(text, (name, value) =>
    /^(id|.*Id|.*At)$/.test(name) ? undefined : value,
  ) as Conversation
}

it('makes the right conversation of a recorded session, and the same one of it shuffled and doubled', {
  timeout: 240_000,
}, async () => {
  await using database = await createTestDatabase()
  await using stack = await Stack.open(database.url)
  const home = await mkdtemp(join(tmpdir(), 'posthorn-recorded-'))
  try {
    const recorded = recordedConversation()
    for (const { body } of recorded)
      expect(await hook(home, ['capture'], JSON.stringify(body))).toEqual({ code: 0, output: '' })
    const names = (await readdir(join(home, 'spool/pending'))).filter((name) => name.endsWith('.json')).sort()
    const spooled = await Promise.all(
      names.map(
        async (name) => JSON.parse(await readFile(join(home, 'spool/pending', name), 'utf8')) as Spooled,
      ),
    )
    expect(spooled.map(({ body }) => JSON.parse(body))).toEqual(recorded.map(({ body }) => body))

    await stack.ingest()
    const drained = await hook(home, ['drain', '--json'], '', {
      POSTHORN_HOOK_URL: `${stack.ingestUrl}/api/v1/hooks/claude-code`,
      POSTHORN_HOOK_API_KEY: KEY,
    })
    expect(drained.code, drained.output).toBe(0)
    const conversation = await conversationOf(stack.ingestUrl, {})

    const said = recorded.flatMap(({ body }) =>
      body.hook_event_name === 'UserPromptSubmit' ? [String(body['prompt'])] : [],
    )
    expect(conversation.title).toBe(said[0]?.split('\n')[0])
    expect(conversation.messages.filter(({ role }) => role === 'user').map(({ text }) => text)).toEqual(said)
    const used = new Set(recorded.flatMap(({ body }) => body['tool_use_id'] ?? []))
    expect(conversation.toolUses.length).toBeGreaterThanOrEqual(used.size)

    await database.pool.query(`insert into posthorn.apps (id, name) values ($1, 'other')`, [OTHER_APP])
    const other = { 'x-posthorn-app': OTHER_APP }
    const [shuffled = []] = fc.sample(
      fc.shuffledSubarray([...spooled, ...spooled], { minLength: 2 * spooled.length }),
      1,
    )
    const answers = await Promise.all(shuffled.map((event) => send(stack.ingestUrl, event, other)))
    expect(answers.filter((status) => status !== 200 && status !== 202)).toEqual([])
    await expect.poll(() => conversationOf(stack.ingestUrl, other)).toEqual(conversation)
  } finally {
    await rm(home, { recursive: true, force: true })
  }
})

async function send(url: string, event: Spooled, app: Record<string, string>): Promise<number> {
  const answer = await fetch(`${url}/api/v1/hooks/claude-code`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${KEY}`,
      'content-type': 'application/json',
      'x-request-id': event.requestId,
      'x-captured-at': event.capturedAt,
      ...app,
    },
    body: event.body,
  })
  await answer.body?.cancel()
  return answer.status
}
