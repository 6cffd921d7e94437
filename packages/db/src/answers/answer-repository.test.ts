import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { count } from '../../test/support.ts'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { AnswerRepository } from './answer-repository.ts'

const HOUR_MS = 3_600_000

describe('kept answers', () => {
  let db: TestDatabase
  let answers: AnswerRepository
  beforeAll(async () => {
    db = await createTestDatabase()
    answers = new AnswerRepository(db.pool)
  })
  afterAll(() => db.drop())

  it('come back as they were given, to the millisecond and the digit', async () => {
    const answer = { json: '{"b":1.0,"a":"\\u0000\\ud800"}', answeredAtMs: 1_790_000_000_123 }
    await answers.set('k', answer, HOUR_MS)
    expect(await answers.get('k')).toEqual(answer)
    expect(await answers.get('other')).toBeUndefined()
  })

  it('are gone when their term is over, and can be given again', async () => {
    await answers.set('brief', { json: '1', answeredAtMs: Date.now() }, 0)
    expect(await answers.get('brief')).toBeUndefined()
    await answers.set('brief', { json: '2', answeredAtMs: Date.now() }, HOUR_MS)
    expect(await answers.get('brief')).toMatchObject({ json: '2' })
  })

  it('give way to newer ones only, in whatever order they come', async () => {
    const at = Date.now()
    const given = Array.from({ length: 12 }, (_, n) => ({ json: String(n), answeredAtMs: at + n }))
    await Promise.all(given.toReversed().map((answer) => answers.set('raced', answer, HOUR_MS)))
    expect(await answers.get('raced')).toEqual(given.at(-1))
    await answers.set('raced', { json: '"older"', answeredAtMs: at }, 0)
    expect(await answers.get('raced')).toEqual(given.at(-1))
    expect(await count(db.pool, 'kept_answers', `key = 'raced'`)).toBe(1)
  })
})
