import { describe, expect, it, vi } from 'vitest'
import { MemoryQueue } from './memory/memory-queue.ts'
import type { Job } from './own/job-queue.ts'
import { type CreateWorkerOptions, createWorker, type HandlerContext } from './worker.ts'

type Options = Partial<CreateWorkerOptions<Job<string>>>

/** A worker over a queue in memory whose clock the test holds. */
function open(options: Options = {}, items = ['a']) {
  const clock = { skew: 0 }
  const queue = new MemoryQueue<string>({ now: () => Date.now() + clock.skew, defaultMaxInFlight: 1000 })
  const handled: string[] = []
  const errors: unknown[] = []
  const worker = createWorker<Job<string>>({
    queue,
    handler: async ({ payload }) => void handled.push(payload),
    retry: [1, 1],
    onError: (error) => errors.push(error),
    ...options,
  })
  const start = async () => {
    await queue.enqueue(items.map((payload) => ({ payload })))
    await worker.start()
  }
  return { clock, queue, worker, handled, errors, start }
}

/** A handler that holds its jobs until the test lets them go. */
function held() {
  const started: { job: Job<string>; context: HandlerContext; end: () => void }[] = []
  const handler = (job: Job<string>, context: HandlerContext) =>
    new Promise<void>((resolve) => started.push({ job, context, end: resolve }))
  return { started, handler }
}

describe('a worker', () => {
  it('works what is due and removes it', async () => {
    const { worker, handled, queue, start } = open({}, ['a', 'b', 'c'])
    await start()
    await vi.waitFor(() => expect(queue.size).toBe(0))
    expect(handled.sort()).toEqual(['a', 'b', 'c'])
    await worker.stop()
  })

  it('works as many at a time as it was told', async () => {
    const { started, handler } = held()
    const { worker, start, queue } = open({ handler, concurrency: 3 }, [...'abcdefgh'])
    await start()
    let most = 0
    for (let done = 0; done < 8; done += 1) {
      await vi.waitFor(() => expect(started.length).toBeGreaterThan(done))
      most = Math.max(most, started.length - done)
      started[done]?.end()
    }
    await vi.waitFor(() => expect(queue.size).toBe(0))
    expect(most).toBe(3)
    await worker.stop()
  })

  it('tries again what throws, and buries it when the tries are used up', async () => {
    const attempts: number[] = []
    const { worker, start, queue, errors } = open({
      handler: async (_, { attempt }) => {
        attempts.push(attempt)
        throw new Error('no luck')
      },
    })
    await start()
    await vi.waitFor(() => expect(queue.buried.size).toBe(1))
    expect(attempts).toEqual([1, 2, 3])
    expect([...queue.buried.values()]).toMatchObject([{ reason: 'exhausted: no luck', attemptCount: 3 }])
    expect(errors).toHaveLength(3)
    await worker.stop()
  })

  it('ends a job as its handler says', async () => {
    const { worker, start, queue } = open({
      handler: async () => ({ kind: 'bury', reason: 'no such address' }),
    })
    await start()
    await vi.waitFor(() => expect([...queue.buried.values()]).toMatchObject([{ reason: 'no such address' }]))
    await worker.stop()
  })

  it('buries, unworked, what has taken too many workers with it', async () => {
    const { worker, start, queue, handled, clock } = open({ maxClaims: 10 })
    await queue.enqueue([{ payload: 'killer' }])
    for (let lost = 1; lost <= 10; lost += 1) {
      expect(await queue.claim({ limit: 10, leaseMs: 1000 })).toMatchObject([{ claimCount: lost }])
      clock.skew += 1001
    }
    await start()
    await vi.waitFor(() => expect(queue.buried.size).toBe(1))
    expect([...queue.buried.values()]).toMatchObject([
      { payload: 'killer', reason: 'poisoned', attemptCount: 0 },
    ])
    expect(handled).toEqual(['a'])
    await worker.stop()
  })

  it('keeps the lease of a long job', async () => {
    const { started, handler } = held()
    const { worker, start, queue } = open({ handler, leaseMs: 90 })
    const extend = vi.spyOn(queue, 'extend')
    await start()
    await vi.waitFor(() => expect(extend.mock.calls.length).toBeGreaterThan(4))
    expect(await queue.claim({ limit: 1, leaseMs: 1000 })).toEqual([])
    started[0]?.end()
    await vi.waitFor(() => expect(queue.size).toBe(0))
    await worker.stop()
  })

  it('keeps the lease of a job whose outcome cannot be persisted yet', async () => {
    const { worker, start, queue, handled, errors } = open({ leaseMs: 90 })
    const complete = vi.spyOn(queue, 'complete').mockRejectedValue(new Error('no connection'))
    const extend = vi.spyOn(queue, 'extend')
    await start()
    await vi.waitFor(() => expect(extend.mock.calls.length).toBeGreaterThan(4))
    expect(errors.length).toBeGreaterThan(0)
    complete.mockRestore()
    await vi.waitFor(() => expect(queue.size).toBe(0))
    expect(handled).toEqual(['a'])
    await worker.stop()
  })

  it('tells a handler that its lease was lost, and writes nothing about the job', async () => {
    const { started, handler } = held()
    const { worker, start, queue } = open({ handler, leaseMs: 60 })
    vi.spyOn(queue, 'extend').mockResolvedValue([])
    const complete = vi.spyOn(queue, 'complete')
    await start()
    await vi.waitFor(() => expect(started[0]?.context.signal.aborted).toBe(true))
    started[0]?.end()
    await worker.stop()
    expect(complete).not.toHaveBeenCalled()
  })

  it('does not start what waited until its lease was nearly over', async () => {
    const { started, handler } = held()
    const { worker, start, queue } = open({ handler, concurrency: 1, leaseMs: 100 }, ['first', 'second'])
    vi.spyOn(queue, 'extend').mockRejectedValue(new Error('no connection'))
    await start()
    await vi.waitFor(() => expect(started).toHaveLength(1))
    const before = performance.now()
    await vi.waitFor(() => expect(performance.now() - before).toBeGreaterThan(120))
    started[0]?.end()
    await vi.waitFor(() => expect(started).toHaveLength(2))
    expect(started[1]?.job.claimCount).toBe(2)
    for (const { end } of started) end()
    await worker.stop()
  })

  it('gives back in a stop what it has not begun, and lets the rest end', async () => {
    const { started, handler } = held()
    const { worker, start, queue } = open({ handler, concurrency: 2 }, [...'abcd'])
    await start()
    await vi.waitFor(() => expect(started).toHaveLength(2))
    const stopped = worker.stop()
    for (const { end } of started) end()
    await stopped
    expect(queue.size).toBe(2)
    expect(await queue.claim({ limit: 10, leaseMs: 1000 })).toMatchObject([
      { claimCount: 1 },
      { claimCount: 1 },
    ])
    expect(worker.size).toBe(0)
  })

  it('aborts and gives back in a stop what does not end within the grace', async () => {
    const { started, handler } = held()
    const { worker, start, queue } = open({ handler, graceMs: 5 })
    await start()
    await vi.waitFor(() => expect(started).toHaveLength(1))
    await worker.stop()
    expect(started[0]?.context.signal.aborted).toBe(true)
    started[0]?.end()
    expect(await queue.claim({ limit: 10, leaseMs: 1000 })).toMatchObject([
      { claimCount: 1, attemptCount: 0 },
    ])
  })

  it('goes on when a claim fails', async () => {
    const { worker, start, queue, errors } = open()
    vi.spyOn(queue, 'claim').mockRejectedValueOnce(new Error('no connection'))
    await start()
    await vi.waitFor(() => expect(queue.size).toBe(0))
    expect(errors).toHaveLength(1)
    await worker.stop()
  })

  it('refuses a retry policy that makes no sense', () => {
    expect(() => open({ retry: [-1] })).toThrow(expect.objectContaining({ code: 'validation' }))
  })
})
