import { uuidv7 } from '@posthorn/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseClientReport } from './client-report.ts'
import { recordedConversation } from './fixtures.ts'
import { type HookEvent, readBody, readText } from './hook-event.ts'
import { projectEvent } from './project-event.ts'

const identity = {
  id: uuidv7(),
  appId: uuidv7(),
  requestId: 'r',
  occurredAt: new Date('2026-01-02T03:04:05.678Z'),
}

const read = (value: unknown): HookEvent => {
  const result = readText(JSON.stringify(value))
  if (!result.ok) throw new Error(JSON.stringify(result.error))
  return result.value
}
const project = (value: object) => projectEvent(identity, read({ session_id: 's', ...value }))

const kinds = [...new Set(recordedConversation().map(({ body }) => body.hook_event_name))]
const names = [...new Set(recordedConversation().flatMap(({ body }) => Object.keys(body)))]

describe('an event', () => {
  it('of any bytes is either read, or told what is wrong with it', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          const result = readBody(Buffer.from(bytes))
          if (!result.ok) expect(result.error.issues.length).toBeGreaterThan(0)
        },
      ),
    )
  })

  it('of any known kind with anything in its fields is projected to what PostgreSQL can keep, or refused by name', () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.anything({ maxDepth: 2 }),
      fc.constant('\0\ud800'),
    )
    const event = fc.record({
      hook_event_name: fc.constantFrom(...kinds),
      session_id: fc.constant('s'),
      fields: fc.dictionary(fc.constantFrom(...names), value),
    })
    fc.assert(
      fc.property(event, ({ fields, ...envelope }) => {
        const result = readText(
          JSON.stringify({ ...fields, ...envelope }, (_, each) => (typeof each === 'bigint' ? 1 : each)),
        )
        if (!result.ok) {
          for (const issue of result.error.issues) expect(issue.path).not.toBe('')
          return
        }
        const projection = projectEvent(identity, result.value)
        const texts = [projection?.title, projection?.model, projection?.cwd, projection?.message?.text]
        for (const use of projection?.toolUses ?? [])
          texts.push(use.toolName, use.toolUseId, use.outcome?.error)
        for (const text of texts) {
          expect(text ?? '').not.toContain('\0')
          expect((text ?? '').isWellFormed()).toBe(true)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('is placed by its time and then its request id', () => {
    expect(project({ hook_event_name: 'Stop' })?.place).toBe('2026-01-02T03:04:05.678Z r')
    expect(
      projectEvent({ ...identity, requestId: null }, read({ hook_event_name: 'Stop', session_id: 's' }))
        ?.place,
    ).toMatch(/^2026-01-02T03:04:05\.678Z req_/)
  })

  it.each([
    ['\n\n  First \nsecond', 'First'],
    [' \n ', null],
    ['x'.repeat(300), 'x'.repeat(200)],
    [`${'x'.repeat(199)}🎟️`, 'x'.repeat(199)],
  ])('titles a conversation with the first line of a prompt: %j', (prompt, title) => {
    expect(project({ hook_event_name: 'UserPromptSubmit', prompt })?.title).toBe(title)
  })

  it('of a subagent titles nothing and begins nothing', () => {
    expect(project({ hook_event_name: 'UserPromptSubmit', prompt: 'Look', agent_id: 'a' })).toMatchObject({
      title: null,
      lifecycle: null,
      agentId: 'a',
      message: { role: 'user', text: 'Look' },
    })
  })

  it.each([1_000, 5_000, 100_000])(
    'of a tool that was asked something nested %i levels deep is kept',
    (levels) => {
      const deep = `${'['.repeat(levels)}${']'.repeat(levels)}`
      const result = readText(
        `{"hook_event_name":"PostToolUse","session_id":"s","tool_name":"Bash","tool_use_id":"t","tool_input":${deep},"tool_response":${deep}}`,
      )
      if (!result.ok) throw new Error(JSON.stringify(result.error))
      const [use] = projectEvent(identity, result.value)?.toolUses ?? []
      expect(use).toMatchObject({ toolUseId: 't', outcome: { status: 'succeeded' } })
      expect([deep, null]).toContain(use?.input)
      expect([deep, null]).toContain(use?.outcome?.response)
    },
  )

  it('after a tool began when the tool did', () => {
    expect(
      project({ hook_event_name: 'PostToolUse', tool_name: 'Bash', duration_ms: 678 })?.toolUses,
    ).toMatchObject([
      {
        toolUseId: null,
        startedAt: new Date('2026-01-02T03:04:05.000Z'),
        outcome: { status: 'succeeded', response: null },
      },
    ])
    expect(
      project({ hook_event_name: 'PostToolUse', tool_use_id: 't', duration_ms: 1e300 })?.toolUses,
    ).toMatchObject([
      { toolName: 'unknown', startedAt: new Date(0), outcome: { durationMs: 3_200_000_000_000 } },
    ])
    expect(project({ hook_event_name: 'PostToolUse' })?.toolUses).toEqual([])
  })
})

describe('the report of a hook client', () => {
  it('is read as far as it can be, and never stands in the way', () => {
    const id = uuidv7()
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom('host', 'node', 'backlog', 'dropped', 'droppedByReason', 'lastError'),
          fc.jsonValue(),
        ),
        (fields) => {
          const header = JSON.stringify({ ...fields, id })
          const report = parseClientReport(header)
          if (header.length <= 2_048) expect(report).toMatchObject({ id, failed: 0 })
        },
      ),
    )
    for (const header of [
      null,
      '',
      'x',
      '[]',
      '{}',
      '{"id":"x"}',
      JSON.stringify({ id, host: 'x'.repeat(3_000) }),
    ])
      expect(parseClientReport(header)).toBeNull()
  })
})
