import { uuidv7 } from '@posthorn/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { ConversationRepository } from './conversation-repository.ts'

describe('ConversationRepository', () => {
  let db: TestDatabase
  let repository: ConversationRepository
  beforeAll(async () => {
    db = await createTestDatabase()
    repository = new ConversationRepository(db.pool)
  })
  afterAll(() => db.drop())

  /** Conversations of an app of their own, the first one made first; each with one prompt. */
  const fill = async (titles: readonly string[]) => {
    const appId = uuidv7()
    const ids = titles.map(() => uuidv7())
    await db.pool.query(
      `with made as (
         insert into posthorn.conversations (id, app_id, session_id, title, started_at, last_event_at)
         select id, $1, 's-' || n, title, now(), now() from unnest($2::uuid[], $3::text[]) with ordinality as t(id, title, n)
       )
       insert into posthorn.messages (id, app_id, conversation_id, event_id, role, text, occurred_at, place)
       select gen_random_uuid(), $1, id, gen_random_uuid(), role, role || ' of ' || title, now(), role
         from unnest($2::uuid[], $3::text[]) as t(id, title), unnest(array['user', 'assistant']) role`,
      [appId, ids, titles],
    )
    return { appId, ids }
  }

  it('lists the newest first, in pages both ways, and none of another app', async () => {
    const { appId, ids } = await fill(['a', 'b', 'c', 'd', 'e'])
    await fill(['other'])
    const newest = ids.toReversed()
    const first = await repository.list(appId, {}, { limit: 2 })
    expect([first.data.map(({ id }) => id), first.prev]).toEqual([newest.slice(0, 2), null])
    const second = await repository.list(appId, {}, { limit: 2, cursor: first.next ?? '' })
    expect(second.data.map(({ id }) => id)).toEqual(newest.slice(2, 4))
    const back = await repository.list(appId, {}, { limit: 2, cursor: second.prev ?? '' })
    expect(back.data.map(({ id }) => id)).toEqual(newest.slice(0, 2))
  })

  it('removes one with what is in it, of its app alone, and leaves the others', async () => {
    const { appId, ids } = await fill(['a', 'b'])
    const other = await fill(['c'])
    const [id = '', kept = ''] = ids
    expect(await repository.remove(other.appId, id)).toBe(false)
    expect(await repository.remove(appId, id)).toBe(true)
    expect(await repository.remove(appId, id)).toBe(false)
    expect(await repository.get(appId, id)).toBeUndefined()
    expect((await repository.messages(id)).data).toEqual([])
    expect((await repository.messages(kept)).data).toHaveLength(2)
    const { rows } = await db.pool.query('select type, data from posthorn.changes where app_id = $1', [appId])
    expect(rows).toMatchObject([
      { type: 'conversation_update', data: { sessionId: 's-1', status: 'deleted' } },
    ])
  })

  it('finds the conversation of a session, and gives one to its app alone', async () => {
    const { appId, ids } = await fill(['a', 'b'])
    const other = await fill(['a'])
    expect((await repository.list(appId, { sessionId: 's-2' }, {})).data).toMatchObject([
      { id: ids[1], title: 'b' },
    ])
    expect((await repository.list(appId, { sessionId: 's-9' }, {})).data).toEqual([])
    expect(await repository.get(appId, ids[0] ?? '')).toMatchObject({
      title: 'a',
      status: 'active',
      eventCount: 0,
    })
    expect(await repository.get(other.appId, ids[0] ?? '')).toBeUndefined()
  })

  it('searches titles and prompts for what was typed, as it is, in any case', async () => {
    const { appId, ids } = await fill([
      'Fix src/index.ts',
      '100% of it',
      '100 of it',
      'snake_case',
      'snakeXcase',
    ])
    const find = async (search: string, sessionId?: string) =>
      (await repository.list(appId, { search, ...(sessionId !== undefined && { sessionId }) }, {})).data.map(
        ({ id }) => ids.indexOf(id),
      )
    expect(await find('INDEX.t')).toEqual([0])
    expect(await find('100%')).toEqual([1])
    expect(await find('snake_')).toEqual([3])
    expect(await find('\\')).toEqual([])
    expect(await find('user of snake')).toEqual([4, 3])
    expect(await find('assistant of')).toEqual([])
    expect(await find('100', 's-3')).toEqual([2])
  })

  it('searches a bounded stretch for each page, and goes on from there', async () => {
    const { appId, ids } = await fill(
      Array.from({ length: 2_300 }, (_, n) => (n === 4 || n === 2_000 ? 'needle' : 'hay')),
    )
    const pages: number[][] = []
    let cursor: string | undefined
    do {
      const page = await repository.list(
        appId,
        { search: 'needle' },
        { limit: 10, ...(cursor && { cursor }) },
      )
      pages.push(page.data.map(({ id }) => ids.indexOf(id)))
      cursor = page.next ?? undefined
    } while (cursor)
    expect(pages).toEqual([[2_000], [], [4]])
    const back = await repository.list(
      appId,
      { search: 'needle' },
      { cursor: Buffer.from(`<${ids[0]}`).toString('base64url') },
    )
    expect([back.data.map(({ id }) => ids.indexOf(id)), back.prev]).toEqual([[4], expect.any(String)])
    const full = await repository.list(appId, { search: 'hay' }, { limit: 10 })
    expect(full.data).toHaveLength(10)
    expect(
      (await repository.list(appId, { search: 'hay' }, { limit: 10, cursor: full.next ?? '' })).data[0]?.id,
    ).toBe(ids[2_289])
  })

  it('tells what was said and done in the order of the events, in parts, also where many are of one event', async () => {
    const { appId, ids } = await fill(['parts'])
    const [conversationId = ''] = ids
    const uses = Array.from({ length: 7 }, (_, n) => `tool-${n}`)
    await db.pool.query(
      `insert into posthorn.tool_uses (id, app_id, conversation_id, tool_use_id, event_id, tool_name, started_at, place, input, response)
       select gen_random_uuid(), $1, $2, use, gen_random_uuid(), 'Read', now(), 'one place', '{}', repeat('x', n::int * 12000)
         from unnest($3::text[]) with ordinality as t(use, n)`,
      [appId, conversationId, uses.toReversed()],
    )
    const found: (string | null)[] = []
    let cursor: string | undefined
    do {
      const part = await repository.toolUses(conversationId, { limit: 3, ...(cursor && { cursor }) })
      found.push(...part.data.map(({ toolUseId }) => toolUseId))
      cursor = part.next ?? undefined
    } while (cursor)
    expect(found).toEqual(uses)
    const first = await repository.toolUses(conversationId, { limit: 3 })
    const second = await repository.toolUses(conversationId, { limit: 3, cursor: first.next ?? '' })
    expect(await repository.toolUses(conversationId, { limit: 3, cursor: second.prev ?? '' })).toEqual(first)
    const near = await repository.toolUses(conversationId, { limit: 2, cursor: second.prev ?? '' })
    expect(near.data.map(({ toolUseId }) => toolUseId)).toEqual(['tool-1', 'tool-2'])
    expect(await repository.toolUses(conversationId, { limit: 3, cursor: near.next ?? '' })).toEqual(second)
    expect([first.prev, near.prev]).toEqual([null, expect.any(String)])
    const { data } = await repository.toolUses(conversationId)
    expect(data.map(({ response, responseLength }) => [response?.length ?? null, responseLength])).toEqual([
      [null, 84_000],
      [null, 72_000],
      ...[60_000, 48_000, 36_000, 24_000, 12_000].map((length) => [length, length]),
    ])
    expect((await repository.messages(conversationId)).data.map(({ role }) => role)).toEqual([
      'assistant',
      'user',
    ])
    const [only, next] = await Promise.all([
      repository.messages(conversationId, { limit: 1 }),
      repository.messages(conversationId, { limit: 2 }),
    ])
    expect([only.data.length, next.next]).toEqual([1, null])
    expect(
      (await repository.messages(conversationId, { cursor: only.next ?? '' })).data.map(({ role }) => role),
    ).toEqual(['user'])
  })

  it.each([
    [{ cursor: 'x' }, 'cursor'],
    [{ limit: 0 }, 'limit'],
    [{ limit: 1_001 }, 'limit'],
  ])('refuses %j', async (request, path) => {
    await expect(repository.messages(uuidv7(), request)).rejects.toMatchObject({ issues: [{ path }] })
    await expect(repository.toolUses(uuidv7(), request)).rejects.toMatchObject({ issues: [{ path }] })
  })
})
