import { AssertionError } from 'node:assert'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { assertDelivered, assertSigned, waitForDelivered } from './assertions.ts'
import { createReceiver, type Receiver } from './receiver.ts'
import { post } from './test-support.ts'

let receiver: Receiver
beforeEach(async () => {
  receiver = await createReceiver()
})
afterEach(async () => {
  await receiver.close()
})

function messageOf(action: () => void): string {
  try {
    action()
  } catch (error) {
    expect(error).toBeInstanceOf(AssertionError)
    return error instanceof Error ? error.message : ''
  }
  return expect.fail('nothing was thrown')
}

const sendAll = async (ids: readonly string[], path = '/') => {
  for (const id of ids) await post(receiver.url(path), { id }).catch(() => {})
}

describe('assertDelivered', () => {
  it('is content when every id was accepted', async () => {
    await sendAll(['msg_1', 'msg_2', 'msg_2'])
    assertDelivered(receiver, ['msg_1', 'msg_2', 'msg_1'])
    assertDelivered(receiver, [])
    assertDelivered(receiver, new Set(['msg_1', 'msg_2']), { only: true })
    assertDelivered(receiver, ['msg_1'], { once: true })
  })

  it('says what is missing and what happened to it', async () => {
    receiver.route('/bad', [{ status: 503 }, { reset: true }, { hang: true }])
    await sendAll(['msg_1'])
    await sendAll(['msg_2', 'msg_2'], '/bad')
    const stop = new AbortController()
    const hanging = post(receiver.url('/bad'), { id: 'msg_3', signal: stop.signal }).catch(() => {})
    await receiver.waitFor((requests) => requests.at(-1)?.end?.fault === 'hang')
    expect(messageOf(() => assertDelivered(receiver, ['msg_1', 'msg_2', 'msg_3', 'msg_4']))).toBe(
      [
        '3 of 4 were not delivered:',
        '  msg_2: arrived 2 × (503, reset)',
        '  msg_3: arrived 1 × (hang)',
        '  msg_4: never arrived',
      ].join('\n'),
    )
    stop.abort()
    await hanging
  })

  it('says what arrived too often, and what nobody expected', async () => {
    await sendAll(['msg_1', 'msg_1', 'msg_2'])
    expect(messageOf(() => assertDelivered(receiver, ['msg_1'], { once: true, only: true }))).toBe(
      [
        '1 were delivered more than once:',
        '  msg_1: arrived 2 × (200, 200)',
        '1 arrived that were not expected:',
        '  msg_2: arrived 1 × (200)',
      ].join('\n'),
    )
  })

  it('stays short when much is missing', () => {
    const ids = Array.from({ length: 1000 }, (_, i) => `msg_${i}`)
    const lines = messageOf(() => assertDelivered(receiver, ids)).split('\n')
    expect(lines).toHaveLength(22)
    expect(lines.at(-1)).toBe('  … and 980 more')
  })
})

describe('waitForDelivered', () => {
  it('waits for the answers, not for the arrivals', async () => {
    receiver.fallback(({ seen }) => (seen === 1 ? { status: 500 } : { delayMs: 5 }))
    const waiting = waitForDelivered(receiver, ['msg_1', 'msg_2'], { once: true })
    await sendAll(['msg_2', 'msg_1', 'msg_1', 'msg_2'])
    await waiting
    expect(receiver.acceptedTimes('msg_2')).toBe(1)
  })

  it('says what is missing when the time is over', async () => {
    await sendAll(['msg_1'])
    const waiting = waitForDelivered(receiver, ['msg_1', 'msg_2'], { timeoutMs: 1 })
    await expect(waiting).rejects.toThrow('1 of 2 were not delivered:\n  msg_2: never arrived')
  })

  it('fails when the strictness asked for is not met', async () => {
    await sendAll(['msg_1', 'msg_1'])
    await expect(waitForDelivered(receiver, ['msg_1'], { once: true })).rejects.toThrow('more than once')
  })
})

describe('assertSigned', () => {
  it('names requests without a right signature', async () => {
    await using strict = await createReceiver({ secret: `whsec_${Buffer.alloc(24).toString('base64')}` })
    assertSigned(strict)
    await post(strict.url('/a'), { id: 'msg_1' })
    expect(messageOf(() => assertSigned(strict))).toBe(
      '1 of 1 requests are not signed:\n  #1 /a msg_1: webhook-timestamp is missing',
    )
    await sendAll(['msg_1'])
    expect(messageOf(() => assertSigned(receiver))).toContain('the receiver has no secret')
  })
})
