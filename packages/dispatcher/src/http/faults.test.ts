import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { FAULTS } from '../../test/faults.ts'
import { localDispatcher, post, using } from '../../test/sending.ts'
import { BLOCKED_MESSAGE } from '../index.ts'

const SENDS = 1_000
const IN_FLIGHT = 100

function activeTimers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
}

describe.each(FAULTS)('a receiver that $name', (fault) => {
  it('comes to a definite result', async () => {
    const receiver = await using(fault.start())
    const dispatcher = localDispatcher(fault.dispatcher)
    const result = await dispatcher.send(post(receiver.url, fault.request))
    expect(result).toMatchObject(fault.expected)
    expect(result.failure === undefined).toBe(result.verdict === 'success')
    expect(result.errorMessage === undefined).toBe(result.verdict === 'success')
    expect(result.bytesReceived).toBeLessThan(4_096 + 3 * 65_536)
  })

  it(`leaves nothing behind after ${SENDS} requests`, async () => {
    const receiver = await using(fault.start())
    const dispatcher = localDispatcher(fault.dispatcher)
    const controller = new AbortController()
    // Where no deadline is meant to be met it lies so far away that a timer left behind would be seen.
    const limits = {
      timeoutMs: fault.request?.timeoutMs === undefined ? 120_000 : 50,
      connectTimeoutMs: fault.request?.connectTimeoutMs ?? 120_000,
    }
    const request = post(receiver.url, { ...fault.request, ...limits, signal: controller.signal })
    await dispatcher.send(request)
    const timersBefore = activeTimers()
    let left = SENDS
    const verdicts = new Set<string>()
    const lane = async () => {
      while (left-- > 0) verdicts.add((await dispatcher.send(request)).verdict)
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
    expect(verdicts).not.toContain('requeue')
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    const kept = fault.keepsConnections ? IN_FLIGHT : 0
    await expect.poll(() => receiver.sockets.size, { timeout: 10_000 }).toBeLessThanOrEqual(kept)
    await expect.poll(activeTimers, { timeout: 10_000 }).toBeLessThanOrEqual(timersBefore + 2 * kept + 2)
    await dispatcher.close()
    await expect.poll(() => receiver.sockets.size, { timeout: 10_000 }).toBe(0)
  })
})

describe('what a blocked request tells', () => {
  const blocked = {
    verdict: 'permanent',
    failure: 'blocked',
    errorCode: 'BLOCKED',
    errorMessage: BLOCKED_MESSAGE,
    responseTruncated: false,
    timing: { totalMs: 0 },
    bytesSent: 0,
    bytesReceived: 0,
  }

  it.each([
    'http://10.0.0.1/',
    'http://[::1]:1/',
    'http://169.254.169.254/latest',
    'https://[64:ff9b::a00:1]/',
  ])('is the same for the literal %s', async (url) => {
    expect(await localDispatcher().send(post(url))).toEqual(blocked)
  })

  it.each([['10.0.0.1'], ['::1'], ['127.0.0.1', 'fd00::1'], ['169.254.169.254']])(
    'is the same for a name that resolves to %j',
    async (...addresses) => {
      const records = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
      const dispatcher = localDispatcher({ resolve: async () => records })
      expect(await dispatcher.send(post('http://name.example/'))).toEqual(blocked)
    },
  )
})
