import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { sleep } from './sleep.ts'

const DAY = 86_400_000

describe('sleep', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('waits its time, also when that is longer than one timer', async () => {
    const awake = vi.fn()
    void sleep(60 * DAY).then(awake)
    await vi.advanceTimersByTimeAsync(60 * DAY - 1)
    expect(awake).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    expect(awake).toHaveBeenCalledOnce()
  })

  it('rejects at once with the reason, leaving neither timer nor listener', async () => {
    const controller = new AbortController()
    const sleeping = sleep(60 * DAY, controller.signal)
    const rejected = expect(sleeping).rejects.toBe('stop')
    await vi.advanceTimersByTimeAsync(40 * DAY)
    controller.abort('stop')
    await rejected
    expect(vi.getTimerCount()).toBe(0)
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    await expect(sleep(1, controller.signal)).rejects.toBe('stop')
  })

  it('removes its listener when it wakes', async () => {
    const { signal } = new AbortController()
    const sleeping = sleep(5, signal)
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(5)
    await sleeping
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })
})
