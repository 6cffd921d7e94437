import { uuidv7 } from '@posthorn/core'
import type { PendingApproval } from '@posthorn/delegator'
import { expect, it } from 'vitest'
import { GroupedApprovals } from './grouped-approvals.ts'

const NEVER = new AbortController().signal

function approvalOf(capability: string): PendingApproval {
  const now = new Date()
  const ids = { id: uuidv7(), callId: uuidv7(), appId: uuidv7() }
  return { ...ids, capability, payloadText: '1', context: {}, createdAt: now, expiresAt: now }
}

/** A database that notes what it is given at once, and refuses `bad`. */
function database() {
  const groups: string[][] = []
  let committed = 0
  return {
    groups,
    committed: () => committed,
    approvals: new GroupedApprovals(
      {
        async createAll(given: readonly PendingApproval[]) {
          groups.push(given.map(({ capability }) => capability))
          await new Promise((resolve) => setImmediate(resolve))
          if (given.some(({ capability }) => capability === 'bad'))
            throw Object.assign(new Error('refused'), { code: '22P05' })
          if (given.some(({ capability }) => capability === 'silent')) throw new Error('no connection')
        },
      },
      () => {
        committed += 1
      },
    ),
  }
}

it('writes what comes together in one commit, and what comes meanwhile in the next', async () => {
  const { approvals, groups, committed } = database()
  const first = ['a', 'b', 'c'].map((name) => approvals.create(approvalOf(name), NEVER))
  await expect.poll(() => groups.length).toBe(1)
  const later = ['d', 'e'].map((name) => approvals.create(approvalOf(name), NEVER))
  await Promise.all([...first, ...later])
  expect(groups).toEqual([
    ['a', 'b', 'c'],
    ['d', 'e'],
  ])
  expect(committed()).toBe(2)
})

it('writes at most a hundred at once', async () => {
  const { approvals, groups } = database()
  await Promise.all(Array.from({ length: 250 }, () => approvals.create(approvalOf('a'), NEVER)))
  expect(groups.map(({ length }) => length)).toEqual([100, 100, 50])
})

it('keeps the good ones where one is refused', async () => {
  const { approvals } = database()
  const ends = await Promise.allSettled(
    ['a', 'bad', 'c'].map((name) => approvals.create(approvalOf(name), NEVER)),
  )
  expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
})

it('asks a database that does not answer once for all of them', async () => {
  const { approvals, groups } = database()
  const ends = await Promise.allSettled(
    ['a', 'silent', 'c'].map((name) => approvals.create(approvalOf(name), NEVER)),
  )
  expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  expect(groups).toHaveLength(1)
})

it('does not make what nobody waits for any more', async () => {
  const { approvals, groups } = database()
  const gone = new AbortController()
  const ends = Promise.allSettled([
    approvals.create(approvalOf('a'), NEVER),
    approvals.create(approvalOf('gone'), gone.signal),
  ])
  gone.abort(new Error('answered already'))
  expect((await ends).map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  expect(groups).toEqual([['a']])
})
