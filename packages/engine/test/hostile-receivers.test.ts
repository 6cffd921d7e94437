import type { Reply } from '@posthorn/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Posthorn } from '../src/index.ts'
import { createWorld, untilQueueEmpty, untilStatus, type World } from './support.ts'

const MIB = 1_048_576
const NUL = String.fromCharCode(0)
const raw = (head: string, body = '') => Buffer.from(`${head}\r\n\r\n${body}`, 'latin1')

/** What a receiver does, what its delivery comes to, and what of its answer is kept. */
const CASES: [what: string, reply: Reply, status: 'delivered' | 'failed' | 'dead', kept?: RegExp | null][] = [
  ['answers NUL bytes', { status: 500, body: `a${NUL}${NUL}b` }, 'failed', /^a.*b$/],
  ['answers NUL bytes and is glad', { status: 200, body: NUL.repeat(10) }, 'delivered'],
  [
    'answers what is no UTF-8',
    { status: 400, body: Buffer.from([0x61, 0xff, 0xfe, 0xc3, 0x28, 0x62]) },
    'dead',
    /^a.*b$/,
  ],
  [
    'answers half of a character at the limit',
    { status: 500, body: `${'x'.repeat(4_095)}🐎` },
    'failed',
    /^x{4095}/,
  ],
  ['answers 50 MB', { status: 500, body: Buffer.alloc(50 * MIB, 'y') }, 'failed', /^y{4096}$/],
  ['answers 50 MB and is glad', { status: 200, body: Buffer.alloc(50 * MIB) }, 'delivered'],
  ['never stops answering', { status: 200, body: 'z'.repeat(100_000), drip: { everyMs: 20 } }, 'failed'],
  ['never answers', { hang: true }, 'failed', null],
  ['resets the connection', { reset: true }, 'failed', null],
  ['ends half-way', { status: 200, body: 'promised', closeEarly: true }, 'failed'],
  ['speaks no HTTP', { raw: 'SSH-2.0-OpenSSH_9.6\r\n' }, 'failed', null],
  [
    'has headers that are no text',
    { raw: raw('HTTP/1.1 500 \xff\r\nx-bad: \xff\xfe\x80\r\ncontent-length: 2', 'ab') },
    'failed',
  ],
  ['has a status nobody knows', { status: 599 }, 'failed'],
  [
    'has a header named like a trap',
    { status: 500, headers: { __proto__x: '1', constructor: 'x' }, body: 'c' },
    'failed',
    /^c$/,
  ],
  [
    'has ten thousand headers',
    {
      raw: raw(
        `HTTP/1.1 500 X\r\n${Array.from({ length: 10_000 }, (_, at) => `x-${at}: ${'v'.repeat(20)}`).join('\r\n')}`,
      ),
    },
    'failed',
  ],
]

describe.each(['failures', 'always'] as const)(
  'receivers with ideas of their own, answers kept: %s',
  (captureResponses) => {
    let world: World
    let posthorn: Posthorn
    beforeAll(async () => {
      world = await createWorld()
      posthorn = world.open({ captureResponses })
      await posthorn.start()
    })
    afterAll(() => world.close())

    it.each(CASES)(
      'one that %s',
      async (what, reply, status, kept) => {
        const path = `/${encodeURIComponent(what)}`
        world.receiver.route(path, reply)
        await posthorn.endpoints.create({
          url: world.receiver.url(path),
          eventTypes: [`t.${CASES.findIndex(([name]) => name === what)}`],
          retry: [1],
          timeoutMs: 400,
        })
        const { deliveryIds } = await posthorn.publish({
          type: `t.${CASES.findIndex(([name]) => name === what)}`,
          payload: 1,
        })
        const delivery = await untilStatus(posthorn, deliveryIds[0], status)
        expect(delivery.attemptCount).toBe(status === 'failed' ? 2 : 1)
        const last = delivery.attempts.at(-1)
        expect(last?.success).toBe(status === 'delivered')
        if (kept === null) expect(last?.responseBody).toBeNull()
        else if (kept) expect(last?.responseBody).toMatch(kept)
        expect(last?.responseBody?.length ?? 0).toBeLessThanOrEqual(4_096)
        expect(last?.responseBody ?? '').not.toContain(NUL)
      },
      60_000,
    )

    it('leave a worker that delivers', async () => {
      await posthorn.endpoints.create({ url: world.receiver.url('/healthy'), eventTypes: ['healthy'] })
      const { deliveryIds } = await posthorn.publish({ type: 'healthy', payload: 1 })
      await untilStatus(posthorn, deliveryIds[0], 'delivered')
      await untilQueueEmpty(world.db)
      expect(posthorn.stats).toMatchObject({ flushErrors: 0, claimErrors: 0 })
    })
  },
)
