import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { policyOf } from './arbitraries.test-support.ts'
import { ConflictError, UnavailableError } from './errors.ts'
import { type RetryNotice, retry } from './retry.ts'

const policy = policyOf({ delays: [10, 20], jitter: 'none' })
const atOnce = async () => {}
const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length

function failing(times: number, error: () => unknown = () => new Error('m')) {
  let calls = 0
  return vi.fn(async ({ attempt }: { attempt: number; signal: AbortSignal }) => {
    expect(attempt).toBe(++calls)
    if (calls <= times) throw error()
    return 'done'
  })
}

describe('retry', () => {
  it('gives the first success, waiting as the policy says', async () => {
    const notices: RetryNotice[] = []
    const sleep = vi.fn(atOnce)
    const task = failing(2)
    await expect(retry(task, { policy, sleep, onRetry: (n) => notices.push(n) })).resolves.toBe('done')
    expect(task).toHaveBeenCalledTimes(3)
    expect(sleep.mock.calls.map(([ms]: unknown[]) => ms)).toEqual([10, 20])
    expect(notices).toMatchObject([
      { attempt: 1, delayMs: 10 },
      { attempt: 2, delayMs: 20 },
    ])
  })

  it('throws the last error when the tries are used up', async () => {
    let n = 0
    const task = failing(9, () => new Error(`error ${++n}`))
    await expect(retry(task, { policy, sleep: atOnce })).rejects.toThrow('error 3')
    expect(task).toHaveBeenCalledTimes(3)
  })

  it('stops at errors that are not worth another try', async () => {
    const conflict = failing(9, () => new ConflictError('m'))
    await expect(retry(conflict, { policy, sleep: atOnce })).rejects.toThrow(ConflictError)
    expect(conflict).toHaveBeenCalledTimes(1)
    const unavailable = failing(1, () => new UnavailableError('m'))
    await expect(retry(unavailable, { policy, sleep: atOnce })).resolves.toBe('done')
    const refused = failing(9)
    await expect(retry(refused, { policy, sleep: atOnce, shouldRetry: () => false })).rejects.toThrow('m')
    expect(refused).toHaveBeenCalledTimes(1)
  })

  it('waits at least as long as the other side asks', async () => {
    const sleep = vi.fn(atOnce)
    await retry(failing(1), { policy, sleep, retryAfterMs: () => 5_000 })
    expect(sleep.mock.calls.map(([ms]: unknown[]) => ms)).toEqual([5_000])
  })

  it('does not wait past the greatest age', async () => {
    const clock = { now: () => 0, monotonic: () => time }
    let time = 0
    const aged = policyOf({ delays: [1000], maxAttempts: 20, jitter: 'none', maxAgeMs: 19_000 })
    const task = failing(99)
    const sleep = async (ms: number) => {
      time += ms + 17_500
    }
    await expect(retry(task, { policy: aged, clock, sleep })).rejects.toThrow('m')
    expect(task).toHaveBeenCalledTimes(2)
    expect(time).toBe(18_500)
  })
})

describe('the signal', () => {
  const slow = policyOf({ delays: [3_600_000], jitter: 'none' })

  it('ends a wait at once with its reason, leaving no listener', async () => {
    const controller = new AbortController()
    const reason = new Error('stop')
    const running = retry(failing(9), {
      policy: slow,
      signal: controller.signal,
      onRetry: () => setImmediate(() => controller.abort(reason)),
    })
    await expect(running).rejects.toBe(reason)
    expect(listeners(controller.signal)).toBe(0)
  })

  it('ends a wait that does not look at it', async () => {
    const controller = new AbortController()
    const running = retry(failing(9), {
      policy: slow,
      signal: controller.signal,
      sleep: () => new Promise(() => {}),
      onRetry: () => setImmediate(() => controller.abort()),
    })
    await expect(running).rejects.toMatchObject({ name: 'AbortError' })
    expect(listeners(controller.signal)).toBe(0)
  })

  it('ends a wait when it aborts while being told of it', async () => {
    const controller = new AbortController()
    const { signal } = controller
    const onRetry = () => controller.abort('now')
    const sleep = () => new Promise<void>(() => {})
    await expect(retry(failing(9), { policy: slow, signal, onRetry, sleep })).rejects.toBe('now')
    expect(listeners(signal)).toBe(0)
  })

  it('that is aborted keeps the task from starting', async () => {
    const task = failing(0)
    await expect(retry(task, { policy, signal: AbortSignal.abort('no') })).rejects.toBe('no')
    expect(task).not.toHaveBeenCalled()
  })

  it('goes before the error of the task that it ended', async () => {
    const controller = new AbortController()
    const shouldRetry = vi.fn(() => false)
    const task = async () => {
      controller.abort('stop')
      throw new Error('broken pipe')
    }
    await expect(retry(task, { policy, shouldRetry, signal: controller.signal })).rejects.toBe('stop')
    expect(shouldRetry).not.toHaveBeenCalled()
  })

  it('keeps no listener over 10 000 retries', async () => {
    const { signal } = new AbortController()
    const immediate = policyOf({ delays: [0], maxAttempts: 101, jitter: 'none' })
    let waits = 0
    let most = 0
    const onRetry = () => {
      waits++
      most = Math.max(most, listeners(signal))
    }
    await Promise.all(
      Array.from({ length: 100 }, () =>
        retry(failing(100), { policy: immediate, signal, onRetry, sleep: atOnce }),
      ),
    )
    expect(waits).toBe(10_000)
    expect(most).toBeLessThanOrEqual(100)
    expect(listeners(signal)).toBe(0)
  })
})
