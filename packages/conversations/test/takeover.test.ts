import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { uuidv7 } from '@posthorn/core'
import { DEFAULT_APP_ID } from '@posthorn/db'
import { createTestDatabase, type TestDatabase } from '@posthorn/db/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { processFile } from '../../../test/processes/process-file.ts'
import { type Capture, createCapture } from '../src/create-capture.ts'
import { createProjectionWorker, type ProjectionWorker } from '../src/projection-worker.ts'
import { count, request, rowsOf } from './support.ts'

const prompt = (sessionId: string, text = 'Hello') => ({
  hook_event_name: 'UserPromptSubmit',
  session_id: sessionId,
  prompt: text,
})

describe('unfinished projections', () => {
  let db: TestDatabase
  let capture: Capture
  const workers: ProjectionWorker[] = []
  beforeEach(async () => {
    db = await createTestDatabase()
    capture = createCapture({ pool: db.pool })
  })
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.stop()))
    await db.drop()
  })

  const startWorker = async (heard: string[] = []) => {
    const worker = createProjectionWorker({
      pool: db.pool,
      pollMs: 50,
      onProjected: (appId) => heard.push(appId),
    })
    workers.push(worker)
    await worker.start()
  }
  const eventOf = async (requestId: string) => {
    const [row] = await rowsOf(
      db.pool,
      `select status, error_code, error_message, retry_count, retry_after, conversation_id, message_id from posthorn.events
        where request_id = $1 and status <> 'DUPLICATE'`,
      [requestId],
    )
    return row
  }
  /** From now on projections of a session end with a state of PostgreSQL. */
  const failWith = async (state: string) => {
    await db.pool.query(
      `create or replace function posthorn.fail() returns trigger language plpgsql as
         $$ begin if new.session_id = 'fails' then raise exception 'made to fail' using errcode = '${state}'; end if; return new; end $$;
       create or replace trigger fail before insert or update on posthorn.conversations for each row execute function posthorn.fail()`,
    )
  }
  const stopFailing = () => db.pool.query('drop trigger fail on posthorn.conversations')
  const makeDue = () =>
    db.pool.query(`update posthorn.projection_queue set next_attempt_at = now() where status = 'pending'`)

  it('of a process that was killed are taken over when its lease has run out', async () => {
    await capture.accept(request(prompt('killed')))
    const holder = await db.pool.connect()
    await holder.query('begin')
    await holder.query('select from posthorn.conversations for update')
    const requestId = uuidv7()
    const child = spawn(
      process.execPath,
      [
        processFile('packages/conversations/test/lethal-capture.ts'),
        '--url',
        db.url,
        '--id',
        requestId,
        '--body',
        JSON.stringify(prompt('killed', 'Again')),
      ],
      { stdio: 'inherit' },
    )
    await expect.poll(async () => (await eventOf(requestId))?.status, { timeout: 30_000 }).toBe('PROCESSING')
    child.kill('SIGKILL')
    await once(child, 'exit')
    await holder.query('rollback')
    holder.release()
    expect(await eventOf(requestId)).toMatchObject({ status: 'PROCESSING', conversation_id: null })

    const heard: string[] = []
    await startWorker(heard)
    await expect.poll(async () => (await eventOf(requestId))?.status, { timeout: 30_000 }).toBe('SUCCESS')
    expect(heard).toContain(DEFAULT_APP_ID)
    expect(await count(db.pool, 'messages')).toBe(2)
    expect(await capture.accept(request(prompt('killed', 'Again'), { requestId }))).toMatchObject({
      duplicate: true,
      status: 'SUCCESS',
    })
  })

  it('that were only stored are projected by one of many workers, once each', async () => {
    await Promise.all([startWorker(), startWorker(), startWorker()])
    const sent = Array.from({ length: 120 }, (_, n) =>
      request(prompt(`stored-${n % 5}`, `Prompt ${n}`), { project: false }),
    )
    for (const each of sent) await capture.accept(each)
    await expect.poll(() => count(db.pool, 'events', `status = 'SUCCESS'`), { timeout: 30_000 }).toBe(120)
    expect(await count(db.pool, 'projection_queue')).toBe(0)
    expect(
      await rowsOf(
        db.pool,
        'select event_count, message_count from posthorn.conversations order by session_id',
      ),
    ).toEqual(Array.from({ length: 5 }, () => ({ event_count: 24, message_count: 24 })))
  })

  it('are tried five times, with waits between, and are FAILED then; processed again they succeed', async () => {
    await failWith('40001')
    const sent = request(prompt('fails'))
    const first = await capture.accept(sent)
    expect(first).toMatchObject({
      status: 'PENDING_RETRY',
      error: { code: 'database', message: 'made to fail' },
    })
    expect(await capture.accept(sent)).toMatchObject({
      status: 'PENDING_RETRY',
      duplicate: true,
      eventId: first.eventId,
    })
    const waiting = await eventOf(sent.requestId ?? '')
    expect(waiting).toMatchObject({ status: 'PENDING_RETRY', retry_count: 1 })
    expect(waiting?.['retry_after'].getTime()).toBeGreaterThan(Date.now())
    await startWorker()
    await expect
      .poll(
        async () => {
          await makeDue()
          return eventOf(sent.requestId ?? '')
        },
        { timeout: 30_000 },
      )
      .toMatchObject({ status: 'FAILED', retry_count: 5, retry_after: null, error_code: 'database' })
    expect(await count(db.pool, 'projection_queue')).toBe(0)

    await stopFailing()
    expect(await capture.reprocess(DEFAULT_APP_ID, first.eventId)).toMatchObject({
      status: 'SUCCESS',
      error: null,
    })
    expect(await eventOf(sent.requestId ?? '')).toMatchObject({
      status: 'SUCCESS',
      retry_count: 0,
      error_code: null,
      error_message: null,
    })
    await expect(capture.reprocess(DEFAULT_APP_ID, first.eventId)).rejects.toMatchObject({ code: 'conflict' })
    const announced = await rowsOf<{ status: string }>(
      db.pool,
      `select data ->> 'status' as status from posthorn.changes where type = 'event' order by seq`,
    )
    expect(new Set(announced.map(({ status }) => status))).toEqual(
      new Set(['PENDING_RETRY', 'FAILED', 'PROCESSING', 'SUCCESS']),
    )
  })

  it('that no other try would mend are ERROR at once', async () => {
    await failWith('22023')
    const sent = request(prompt('fails'))
    const result = await capture.accept(sent)
    expect(result).toMatchObject({ status: 'ERROR', error: { code: 'projection', message: 'made to fail' } })
    expect(result.error?.stack).toContain('made to fail')
    expect(await count(db.pool, 'projection_queue')).toBe(0)
    await stopFailing()
    await startWorker()
    expect(await capture.reprocessMany(DEFAULT_APP_ID, { status: 'ERROR' })).toEqual({
      queued: 1,
      invalid: 0,
      duplicates: 0,
      mismatched: 0,
      next: null,
    })
    await expect.poll(async () => (await eventOf(sent.requestId ?? ''))?.status).toBe('SUCCESS')
  })

  it('that take their workers with them are given up', async () => {
    const sent = request(prompt('poisoned'), { project: false })
    await capture.accept(sent)
    await db.pool.query('update posthorn.projection_queue set claim_count = 10')
    await startWorker()
    await expect
      .poll(() => eventOf(sent.requestId ?? ''))
      .toMatchObject({ status: 'FAILED', error_code: 'unexpected', error_message: 'poisoned' })
    expect(await count(db.pool, 'projection_queue')).toBe(0)
  })

  it('of an event that has gone leave nothing in the queue', async () => {
    await capture.accept(request(prompt('gone'), { project: false }))
    await db.pool.query('delete from posthorn.events')
    await startWorker()
    await expect.poll(() => count(db.pool, 'projection_queue')).toBe(0)
  })

  it('go on by themselves where an answer does not wait for them', async () => {
    const impatient = createCapture({ pool: db.pool, patienceMs: 50 })
    await capture.accept(request(prompt('stuck')))
    const holder = await db.pool.connect()
    await holder.query('begin')
    await holder.query('select from posthorn.conversations for update')
    const sent = request(prompt('stuck', 'Again'))
    expect(await impatient.accept(sent)).toMatchObject({ status: 'PROCESSING', conversationId: null })
    await holder.query('rollback')
    holder.release()
    await expect
      .poll(async () => (await eventOf(sent.requestId ?? ''))?.status, { timeout: 30_000 })
      .toBe('SUCCESS')
    expect(await count(db.pool, 'messages')).toBe(2)
  })
})
