import { getEventListeners } from 'node:events'
import { PosthornError, ValidationError } from '@posthorn/core'
import { describe, expect, it, vi } from 'vitest'
import { ManualClock } from '../test/fixtures.ts'
import { CircuitBreaker, type CircuitBreakerOptions } from './circuit-breaker.ts'
import { CircuitOpenError, isCircuitOpenError } from './circuit-open-error.ts'
import type { CircuitChange } from './events.ts'

const OPEN_MS = 1_000

function setup(options: CircuitBreakerOptions = {}) {
  const clock = new ManualClock()
  const breaker = new CircuitBreaker({
    failureThreshold: 2,
    openForMs: OPEN_MS,
    successThreshold: 2,
    clock,
    ...options,
  })
  const succeed = () => breaker.execute(() => 'fine')
  const fail = () => breaker.execute(() => Promise.reject(new Error('down'))).catch((error: unknown) => error)
  const open = async () => {
    while (breaker.state !== 'open') await fail()
  }
  return { clock, breaker, succeed, fail, open }
}

describe('CircuitBreaker.execute', () => {
  it('hands values and errors through', async () => {
    const { succeed, fail } = setup()
    expect(await succeed()).toBe('fine')
    expect(await fail()).toEqual(new Error('down'))
  })

  it('opens, refuses without calling, probes after openForMs and closes', async () => {
    const { breaker, clock, succeed, open } = setup({ name: 'billing' })
    await open()
    const call = vi.fn()
    const error = await breaker.execute(call).catch((thrown: unknown) => thrown)
    expect(call).not.toHaveBeenCalled()
    expect(isCircuitOpenError(error)).toBe(true)
    expect(error).toMatchObject({
      code: 'circuit_open',
      isRetryable: true,
      state: 'open',
      retryAfterMs: OPEN_MS,
    })
    expect(String(error)).toContain("'billing'")

    clock.advance(OPEN_MS)
    await succeed()
    expect(breaker.state).toBe('half_open')
    await succeed()
    expect(breaker.state).toBe('closed')
  })

  it('counts a call that throws before it returns a promise', async () => {
    const { breaker } = setup({ failureThreshold: 1 })
    const call = () => {
      throw new Error('at once')
    }
    await expect(breaker.execute(call)).rejects.toThrow('at once')
    expect(breaker.state).toBe('open')
  })

  it('counts what isFailure says: values too, and not every error', async () => {
    const { breaker } = setup({
      failureThreshold: 1,
      isFailure: (outcome) => ('error' in outcome ? outcome.error !== 'not found' : outcome.value === 500),
    })
    await expect(breaker.execute(() => Promise.reject('not found'))).rejects.toBe('not found')
    expect(breaker.state).toBe('closed')
    expect(await breaker.execute(() => 500)).toBe(500)
    expect(breaker.state).toBe('open')
  })

  it('prefers the filter of the one call', async () => {
    const { breaker } = setup({ failureThreshold: 1 })
    await breaker.execute(() => ({ status: 503 }), {
      isFailure: (o) => 'value' in o && o.value.status >= 500,
    })
    expect(breaker.state).toBe('open')
  })

  it('gives the permit back when the filter throws', async () => {
    const { breaker, clock, open } = setup()
    await open()
    clock.advance(OPEN_MS)
    const isFailure = () => {
      throw new Error('broken filter')
    }
    await expect(breaker.execute(() => 1, { isFailure })).rejects.toThrow('broken filter')
    expect(breaker.snapshot()).toMatchObject({ name: 'half_open', probes: [], successes: 0 })
  })

  it('opens by calls that are slow', async () => {
    const { breaker, clock } = setup({ slowCall: { durationMs: 100, rate: 0.5 }, minimumCalls: 2 })
    const take = (ms: number) => breaker.execute(() => clock.advance(ms))
    await take(99)
    expect(breaker.counts).toMatchObject({ calls: 1, slow: 0 })
    await take(100)
    expect(breaker.state).toBe('open')
  })
})

describe('an abort', () => {
  it('before the call rejects with its reason and takes no permit', async () => {
    const { breaker } = setup()
    const call = vi.fn()
    await expect(breaker.execute(call, { signal: AbortSignal.abort('no') })).rejects.toBe('no')
    expect(call).not.toHaveBeenCalled()
  })

  it('during the call rejects at once, counts nothing and leaves no listener', async () => {
    const { breaker } = setup({ failureThreshold: 1 })
    const controller = new AbortController()
    const never = new Promise<never>(() => {})
    const running = breaker.execute(() => never, { signal: controller.signal })
    controller.abort('gave up')
    await expect(running).rejects.toBe('gave up')
    expect(breaker.snapshot()).toMatchObject({ name: 'closed', epoch: 0, consecutiveFailures: 0 })
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  })

  it('counts as a failure if it says that time was up', async () => {
    const { breaker } = setup({ failureThreshold: 1 })
    const controller = new AbortController()
    const running = breaker.execute(() => new Promise(() => {}), { signal: controller.signal })
    controller.abort(new DOMException('too late', 'TimeoutError'))
    await expect(running).rejects.toThrow('too late')
    expect(breaker.state).toBe('open')
  })

  it('of a probe gives its place back', async () => {
    const { breaker, clock, open } = setup()
    await open()
    clock.advance(OPEN_MS)
    const controller = new AbortController()
    const running = breaker.execute(() => new Promise(() => {}), { signal: controller.signal })
    expect(breaker.acquire()).toBeNull()
    controller.abort('gave up')
    await expect(running).rejects.toBe('gave up')
    expect(breaker.acquire()?.isProbe).toBe(true)
  })

  it('reaches the call, which has a signal in any case', async () => {
    const { breaker } = setup()
    const controller = new AbortController()
    await breaker.execute(({ signal }) => expect(signal).toBe(controller.signal), {
      signal: controller.signal,
    })
    await breaker.execute((context) => {
      expect(context.signal.aborted).toBe(false)
      expect(context.signal).toBe(context.signal)
    })
  })

  it('leaves no listener on a signal that outlives many calls', async () => {
    const { breaker } = setup()
    const { signal } = new AbortController()
    const seenInside = new Set<number>()
    for (let i = 0; i < 100; i += 1) {
      await breaker.execute(() => seenInside.add(getEventListeners(signal, 'abort').length), { signal })
    }
    expect(seenInside).toEqual(new Set([1]))
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })
})

describe('CircuitBreaker.acquire', () => {
  it('gives as many probes as halfOpenProbes, and one more for each that comes back', async () => {
    const { breaker, clock, open } = setup({ halfOpenProbes: 2 })
    await open()
    expect(breaker.acquire()).toBeNull()
    clock.advance(OPEN_MS)
    const [first, second] = [breaker.acquire(), breaker.acquire()]
    expect([first?.isProbe, second?.isProbe]).toEqual([true, true])
    expect(breaker.acquire()).toBeNull()
    first?.release()
    expect(breaker.acquire()).not.toBeNull()
  })

  it('releases a permit that its scope leaves without a report', async () => {
    const { breaker, clock, open } = setup()
    await open()
    clock.advance(OPEN_MS)
    {
      using permit = breaker.acquire()
      expect(permit?.isProbe).toBe(true)
    }
    expect(breaker.acquire()?.isProbe).toBe(true)
  })

  it('takes one report of a permit and no more', () => {
    const { breaker } = setup()
    const permit = breaker.acquire()
    permit?.fail()
    permit?.fail()
    permit?.succeed()
    permit?.[Symbol.dispose]()
    expect(breaker.snapshot()).toMatchObject({ consecutiveFailures: 1 })
  })

  it('returns a probe whose owner never reports when its lease ends, and ignores what it says then', async () => {
    const { breaker, clock, open } = setup({ probeLeaseMs: 50 })
    await open()
    clock.advance(OPEN_MS)
    const lost = breaker.acquire()
    expect(breaker.retryAfterMs).toBe(50)
    clock.advance(50)
    expect(breaker.acquire()?.isProbe).toBe(true)
    lost?.fail()
    expect(breaker.state).toBe('half_open')
  })

  it('ignores calls that were admitted before the circuit changed', async () => {
    const { breaker, open } = setup()
    const [early, late] = [breaker.acquire(), breaker.acquire()]
    await open()
    breaker.reset()
    early?.fail()
    late?.fail()
    expect(breaker.snapshot()).toMatchObject({ name: 'closed', consecutiveFailures: 0 })
  })

  it('survives a wall clock that is set back', async () => {
    const clock = new ManualClock()
    let wall = 5_000_000
    const { breaker, open } = setup({ clock: { now: () => wall, monotonic: () => clock.monotonic() } })
    await open()
    wall = 0
    clock.advance(OPEN_MS)
    expect(breaker.retryAfterMs).toBe(0)
    expect(breaker.acquire()?.isProbe).toBe(true)
  })
})

describe('forced states', () => {
  it('refuse all, for no known time', async () => {
    const { breaker, clock, succeed } = setup()
    breaker.force('forced_open')
    clock.advance(1e9)
    await expect(succeed()).rejects.toMatchObject({ state: 'forced_open', retryAfterMs: undefined })
  })

  it('let all through and count', async () => {
    const { breaker, fail } = setup({ failureRate: 0.5 })
    breaker.force('disabled')
    for (let i = 0; i < 20; i += 1) await fail()
    expect(breaker.state).toBe('disabled')
    expect(breaker.counts).toEqual({ calls: 20, successes: 0, failures: 20, slow: 0 })
    breaker.force('closed')
    expect(breaker.counts.calls).toBe(0)
  })
})

describe('events', () => {
  it('announce every change, until the subscription is disposed of', async () => {
    const { breaker, open } = setup()
    const seen: CircuitChange[] = []
    {
      using _ = breaker.on('change', (change) => seen.push(change))
      await open()
      breaker.reset()
    }
    breaker.force('disabled')
    expect(seen).toMatchObject([
      { from: 'closed', to: 'open', epoch: 1, reason: 'consecutive_failures', at: 1_700_000_000_000 },
      { from: 'open', to: 'closed', epoch: 2, reason: 'reset' },
    ])
  })

  it('announce refusals', async () => {
    const { breaker, open } = setup()
    const rejected = vi.fn()
    breaker.on('rejected', rejected)
    await open()
    breaker.acquire()
    expect(rejected).toHaveBeenCalledExactlyOnceWith({ state: 'open', retryAfterMs: OPEN_MS })
  })

  it('reach everybody in order, also those that a listener causes', () => {
    const { breaker } = setup()
    const seen: string[] = []
    breaker.on('change', (change) => {
      seen.push(`first: ${change.to}`)
      if (change.to === 'disabled') breaker.force('forced_open')
      seen.push(`first: ${change.to}, done`)
    })
    breaker.on('change', (change) => seen.push(`second: ${change.to}`))
    breaker.force('disabled')
    expect(seen).toEqual([
      'first: disabled',
      'first: disabled, done',
      'second: disabled',
      'first: forced_open',
      'first: forced_open, done',
      'second: forced_open',
    ])
  })

  it('survive a listener that throws', () => {
    const onListenerError = vi.fn()
    const { breaker } = setup({ onListenerError })
    const after = vi.fn()
    breaker.on('change', () => {
      throw new Error('listener')
    })
    breaker.on('change', after)
    breaker.reset()
    expect(onListenerError).toHaveBeenCalledExactlyOnceWith(new Error('listener'))
    expect(after).toHaveBeenCalledOnce()
  })

  it('warn the process of such a listener by default', () => {
    const { breaker } = setup()
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    breaker.on('change', () => {
      throw 'a text'
    })
    breaker.reset()
    expect(warning).toHaveBeenCalledExactlyOnceWith(new Error('a text'))
    warning.mockRestore()
  })
})

describe('snapshot and restore', () => {
  it('go on in another breaker where the first one stopped', async () => {
    const first = setup()
    await first.open()
    const second = setup()
    second.breaker.restore(JSON.parse(JSON.stringify(first.breaker.snapshot())))
    expect(second.breaker.snapshot()).toEqual(first.breaker.snapshot())
    await expect(second.succeed()).rejects.toSatisfy(isCircuitOpenError)
    second.clock.advance(OPEN_MS)
    expect(await second.succeed()).toBe('fine')
  })

  it('announce the change and leave calls under way out', async () => {
    const { breaker, open } = setup()
    const snapshot = breaker.snapshot()
    const underWay = breaker.acquire()
    await open()
    const seen = vi.fn()
    breaker.on('change', seen)
    breaker.restore(snapshot)
    expect(seen).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ to: 'closed', reason: 'restored' }),
    )
    underWay?.fail()
    expect(breaker.snapshot()).toEqual(snapshot)
  })

  it('refuse what is no snapshot and keep the state', () => {
    const { breaker } = setup()
    expect(() => breaker.restore({ name: 'open' })).toThrow(ValidationError)
    expect(breaker.state).toBe('closed')
  })
})

describe('errors', () => {
  it('of settings name every mistake', () => {
    const issues = ['failureThreshold', 'openForMs'].map((path) => expect.objectContaining({ path }))
    expect(() => new CircuitBreaker({ failureThreshold: -1, openForMs: 0 })).toThrow(
      expect.objectContaining({ issues }),
    )
  })

  it('are known by their brand', () => {
    const error = new CircuitOpenError(undefined, 'half_open', 5)
    expect(isCircuitOpenError(error)).toBe(true)
    expect(PosthornError.is(error)).toBe(true)
    const foreign = Object.assign(new Error('x'), { [Symbol.for('@posthorn/circuit-breaker:open')]: true })
    expect(isCircuitOpenError(foreign)).toBe(true)
    for (const other of [null, undefined, 'open', new Error('open'), { code: 'circuit_open' }]) {
      expect(isCircuitOpenError(other)).toBe(false)
    }
  })
})
