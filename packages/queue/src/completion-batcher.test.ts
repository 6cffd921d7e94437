import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { CompletionBatcher, type CompletionBatcherOptions, isDataError } from './completion-batcher.ts'
import type { Completion, Outcome } from './types.ts'

type Out = Outcome<{ body: string }>
const outcome = (id: number, body = 'fine'): Out => ({
  id: `${id}`,
  leaseToken: 'token',
  kind: 'done',
  record: { body },
})
const badData = () => Object.assign(new Error('invalid byte sequence'), { code: '22021' })
const range = (count: number) => Array.from({ length: count }, (_, id) => id)
const accept = (outcomes: readonly Out[]): Completion[] => outcomes.map(({ id }) => ({ id, applied: true }))

/** A store whose answers the test gives. */
function openStore(options: Partial<CompletionBatcherOptions<{ body: string }>> = {}) {
  const flushes: { outcomes: readonly Out[]; answer: (result: Completion[] | Error) => void }[] = []
  const completed: string[] = []
  const batcher = new CompletionBatcher<{ body: string }>({
    complete: (outcomes) =>
      new Promise((resolve, reject) => {
        const answer = (result: Completion[] | Error) =>
          result instanceof Error ? reject(result) : resolve(result)
        flushes.push({ outcomes, answer })
      }),
    onCompleted: ({ id }) => completed.push(id),
    retryDelayMs: () => 1,
    ...options,
  })
  const flush = async (index: number) => {
    await vi.waitFor(() => expect(flushes.length).toBeGreaterThan(index))
    const found = flushes[index]
    if (!found) throw new Error('no such flush')
    return found
  }
  return { batcher, flushes, completed, flush }
}

describe('CompletionBatcher', () => {
  it('flushes at once, and gathers what comes in meanwhile', async () => {
    const { batcher, flush, completed } = openStore()
    await batcher.add(outcome(0))
    const first = await flush(0)
    expect(first.outcomes).toHaveLength(1)
    for (const id of [1, 2, 3]) await batcher.add(outcome(id))
    first.answer(accept(first.outcomes))
    const second = await flush(1)
    expect(second.outcomes.map(({ id }) => id)).toEqual(['1', '2', '3'])
    second.answer(accept(second.outcomes))
    await batcher.flush()
    expect(completed).toEqual(['0', '1', '2', '3'])
  })

  it('never flushes more than its batch', async () => {
    const sizes: number[] = []
    const { batcher } = openStore({
      maxBatch: 500,
      complete: async (outcomes) => {
        sizes.push(outcomes.length)
        return accept(outcomes)
      },
    })
    await Promise.all(range(1234).map((id) => batcher.add(outcome(id))))
    await batcher.flush()
    expect(sizes).toEqual([500, 500, 234])
  })

  it('waits for more after a large flush, until a batch is full', async () => {
    const sizes: number[] = []
    const { batcher } = openStore({
      gatherMs: 60_000,
      maxBatch: 100,
      complete: async (outcomes) => {
        sizes.push(outcomes.length)
        return accept(outcomes)
      },
    })
    await Promise.all(range(100).map((id) => batcher.add(outcome(id))))
    while (sizes.length === 0) await new Promise((resolve) => setImmediate(resolve))
    for (const id of range(100)) {
      await batcher.add(outcome(100 + id))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await batcher.add(outcome(200))
    await batcher.flush()
    expect(sizes).toEqual([100, 100, 1])
  })

  it('waits for nothing after a small flush, nor when it is closed', async () => {
    const sizes: number[] = []
    const { batcher } = openStore({
      gatherMs: 60_000,
      complete: async (outcomes) => {
        sizes.push(outcomes.length)
        return accept(outcomes)
      },
    })
    await batcher.add(outcome(0))
    await batcher.flush()
    await batcher.add(outcome(1))
    await batcher.flush()
    await Promise.all(range(64).map((id) => batcher.add(outcome(2 + id))))
    while (sizes.length < 3) await new Promise((resolve) => setImmediate(resolve))
    await batcher.add(outcome(66))
    expect(await batcher.close()).toBe(0)
    expect(sizes).toEqual([1, 1, 64, 1])
  })

  it('makes callers wait while too much is unfinished', async () => {
    const { batcher, flush } = openStore({ maxBatch: 2, maxBuffered: 2 })
    await batcher.add(outcome(0))
    await batcher.add(outcome(1))
    let isThrough = false
    const third = batcher.add(outcome(2)).then(() => {
      isThrough = true
    })
    const first = await flush(0)
    expect(isThrough).toBe(false)
    first.answer(accept(first.outcomes))
    await third
    const second = await flush(1)
    expect(second.outcomes.map(({ id }) => id)).toEqual(['2'])
    second.answer(accept(second.outcomes))
    expect(await batcher.close()).toBe(0)
  })

  it('repeats a failed flush with the same outcomes', async () => {
    const { batcher, flush, completed } = openStore()
    await batcher.add(outcome(0))
    const first = await flush(0)
    await batcher.add(outcome(1))
    first.answer(new Error('connection lost'))
    const again = await flush(1)
    expect(again.outcomes).toEqual(first.outcomes)
    again.answer(accept(again.outcomes))
    const second = await flush(2)
    second.answer(accept(second.outcomes))
    await batcher.flush()
    expect(completed).toEqual(['0', '1'])
  })

  it('repeats a flush that is not answered in time', async () => {
    let calls = 0
    const { batcher, completed } = openStore({
      timeoutMs: 5,
      complete: (outcomes) => {
        calls += 1
        return calls === 1 ? new Promise(() => undefined) : Promise.resolve(accept(outcomes))
      },
    })
    await batcher.add(outcome(0))
    await batcher.flush()
    expect([calls, completed]).toEqual([2, ['0']])
  })

  it('says which outcomes were stale', async () => {
    const applied = new Map<string, boolean>()
    const { batcher } = openStore({
      complete: async (outcomes) => accept(outcomes).map((done) => ({ ...done, applied: done.id !== '1' })),
      onCompleted: ({ id }, isApplied) => applied.set(id, isApplied),
    })
    await Promise.all(range(3).map((id) => batcher.add(outcome(id))))
    await batcher.flush()
    expect([...applied]).toEqual([
      ['0', true],
      ['1', false],
      ['2', true],
    ])
  })

  it('writes every good outcome whole and every bad one without its record, in any mixture', async () => {
    const bodies = fc.array(fc.constantFrom('fine', 'bad'), { minLength: 1, maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(bodies, fc.integer({ min: 1, max: 20 }), async (mixture, maxBatch) => {
        const written = new Map<string, Out>()
        const { batcher, completed } = openStore({
          maxBatch,
          complete: async (outcomes) => {
            if (outcomes.some(({ record }) => record?.body === 'bad')) throw badData()
            for (const out of outcomes) {
              expect(written.has(out.id)).toBe(false)
              written.set(out.id, out)
            }
            return accept(outcomes)
          },
        })
        await Promise.all(mixture.map((body, id) => batcher.add(outcome(id, body))))
        expect(await batcher.close()).toBe(0)
        expect(completed.length).toBe(mixture.length)
        mixture.forEach((body, id) => {
          expect(written.get(`${id}`)?.record).toEqual(body === 'bad' ? undefined : { body })
        })
      }),
      { numRuns: 40 },
    )
  })

  it('lets the caller keep what is safe of a bad record', async () => {
    const written: Out[] = []
    const { batcher } = openStore({
      complete: async (outcomes) => {
        if (outcomes.some(({ record }) => record?.body === 'bad')) throw badData()
        written.push(...outcomes)
        return accept(outcomes)
      },
      withoutDetails: (out) => ({ ...out, record: { body: '' } }),
    })
    await batcher.add(outcome(0, 'bad'))
    await batcher.flush()
    expect(written).toMatchObject([{ id: '0', record: { body: '' } }])
  })

  it('puts aside what is refused in every form, and goes on with the others', async () => {
    let isRefused = true
    const { batcher, completed } = openStore({
      complete: async (outcomes) => {
        if (isRefused && outcomes.some(({ id }) => id === '1')) throw badData()
        return accept(outcomes)
      },
    })
    await Promise.all(range(3).map((id) => batcher.add(outcome(id))))
    await vi.waitFor(() => expect(completed).toEqual(['0', '2']))
    expect(batcher.size).toBe(1)
    isRefused = false
    await batcher.flush()
    expect(completed).toEqual(['0', '2', '1'])
  })

  it('ends with what is left when its time is over', async () => {
    const { batcher, flush } = openStore({ retryDelayMs: () => 60_000 })
    await batcher.add(outcome(0))
    await batcher.add(outcome(1))
    const first = await flush(0)
    first.answer(new Error('connection lost'))
    const stop = new AbortController()
    const closed = batcher.close({ signal: stop.signal })
    await expect(batcher.add(outcome(2))).rejects.toThrow('closed')
    stop.abort()
    expect(await closed).toBe(2)
  })

  it('knows a data error by its class', () => {
    expect(isDataError({ code: '22P05' })).toBe(true)
    expect(isDataError({ code: '23505' })).toBe(false)
    expect(isDataError({ code: 22021 })).toBe(false)
    expect(isDataError(new Error('22021'))).toBe(false)
  })
})
