import { uuidv7 } from '@posthorn/core'
import { DEFAULT_APP_ID } from '@posthorn/db'
import { createTestDatabase, type TestDatabase } from '@posthorn/db/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Capture, createCapture } from '../src/create-capture.ts'
import type { CaptureRequest } from '../src/types.ts'
import { count, request, rowsOf, subscribe } from './support.ts'

const valid = { hook_event_name: 'Stop', session_id: 'again', last_assistant_message: 'Done.' }

describe('processing an invalid event again', () => {
  let db: TestDatabase
  let capture: Capture
  beforeEach(async () => {
    db = await createTestDatabase()
    capture = createCapture({ pool: db.pool })
  })
  afterEach(() => db.drop())

  /** An event that was invalid when it came, and that this version understands: as after an update. */
  const misunderstood = async (overrides: Partial<CaptureRequest> = {}, body: unknown = valid) => {
    const sent = request({ hook_event_name: 'Stop', last_assistant_message: 0 }, overrides)
    const { eventId } = await capture.accept(sent)
    await db.pool.query(
      `update posthorn.events set raw_body = $1 where status = 'INVALID' and request_id is not distinct from $2`,
      [Buffer.from(JSON.stringify(body)), sent.requestId],
    )
    return { eventId, sent: { ...sent, body: Buffer.from(JSON.stringify(body)) } }
  }
  const events = () =>
    rowsOf(
      db.pool,
      `select 'evt_' || replace(id::text, '-', '') as id, status, payload, raw_body, error_code from posthorn.events order by id`,
    )

  it('makes of it what it would have been, with its key and its deliveries', async () => {
    await subscribe(db.pool, DEFAULT_APP_ID, ['claude-code.*'])
    const { eventId, sent } = await misunderstood({ capturedAt: '2026-03-04T05:06:07.890Z' })
    expect(await count(db.pool, 'deliveries')).toBe(0)
    const result = await capture.reprocess(DEFAULT_APP_ID, eventId)
    expect(result).toMatchObject({
      eventId,
      status: 'SUCCESS',
      requestId: sent.requestId,
      hookEventName: 'Stop',
    })
    expect(await events()).toEqual([
      { id: eventId, status: 'SUCCESS', payload: JSON.stringify(valid), raw_body: null, error_code: null },
    ])
    expect(await count(db.pool, 'deliveries')).toBe(1)
    expect(await rowsOf(db.pool, 'select occurred_at from posthorn.messages')).toEqual([
      { occurred_at: new Date('2026-03-04T05:06:07.890Z') },
    ])
    expect(await capture.accept(sent)).toMatchObject({ duplicate: true, eventId })
  })

  it('leaves it as it is, and says what is still wrong', async () => {
    const { eventId } = await misunderstood({}, { hook_event_name: 'Stop', session_id: 3 })
    expect(await capture.reprocess(DEFAULT_APP_ID, eventId)).toMatchObject({
      status: 'INVALID',
      issues: [{ path: 'session_id' }],
    })
    expect(await events()).toMatchObject([{ id: eventId, status: 'INVALID', error_code: 'validation' }])
    expect(await rowsOf(db.pool, 'select error_message from posthorn.events')).toEqual([
      { error_message: 'session_id: must be a string' },
    ])
  })

  it('finds that it is a copy of one that came later', async () => {
    const { eventId, sent } = await misunderstood()
    const other = await capture.accept(sent)
    expect(await capture.reprocess(DEFAULT_APP_ID, eventId)).toMatchObject({ eventId, status: 'DUPLICATE' })
    expect(
      await rowsOf(
        db.pool,
        `select 'evt_' || replace(duplicate_of::text, '-', '') as original, raw_body from posthorn.events where status = 'DUPLICATE'`,
      ),
    ).toEqual([{ original: other.eventId, raw_body: null }])
  })

  it('changes nothing where its request id was used for another event', async () => {
    const { eventId, sent } = await misunderstood()
    await capture.accept({ ...sent, body: Buffer.from(JSON.stringify({ ...valid, session_id: 'other' })) })
    const before = await events()
    await expect(capture.reprocess(DEFAULT_APP_ID, eventId)).rejects.toMatchObject({
      code: 'idempotency_mismatch',
    })
    expect(await events()).toEqual(before)
  })

  it('goes through all that match, and says what became of them', async () => {
    await misunderstood()
    await misunderstood({}, { hook_event_name: 'Stop', session_id: 3 })
    const copy = await misunderstood()
    await capture.accept(copy.sent)
    const taken = await misunderstood()
    await capture.accept({
      ...taken.sent,
      body: Buffer.from(JSON.stringify({ ...valid, session_id: 'other' })),
    })
    await misunderstood({ appId: uuidv7() })
    expect(await capture.reprocessMany(DEFAULT_APP_ID, {})).toEqual({
      queued: 1,
      invalid: 1,
      duplicates: 1,
      mismatched: 1,
      next: null,
    })
    expect(await count(db.pool, 'projection_queue', `status = 'pending'`)).toBe(1)
    expect(
      await capture.reprocessMany(DEFAULT_APP_ID, { since: new Date(Date.now() + 60_000) }),
    ).toMatchObject({ invalid: 0 })
    expect(await capture.reprocessMany(DEFAULT_APP_ID, { after: taken.eventId })).toMatchObject({
      invalid: 0,
      mismatched: 0,
    })
    await expect(capture.reprocessMany(DEFAULT_APP_ID, { after: 'x' })).rejects.toMatchObject({
      code: 'validation',
    })
  })

  it('belongs to its app', async () => {
    const { eventId } = await misunderstood()
    await expect(capture.reprocess(uuidv7(), eventId)).rejects.toMatchObject({ code: 'not_found' })
    await expect(capture.reprocess(DEFAULT_APP_ID, 'evt_nothing')).rejects.toMatchObject({
      code: 'not_found',
    })
    const { eventId: fine } = await capture.accept(request(valid))
    await expect(capture.reprocess(DEFAULT_APP_ID, fine)).rejects.toMatchObject({ code: 'conflict' })
  })
})
