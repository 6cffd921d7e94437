import { formatId, uuidv7 } from '@posthorn/core'
import { ApprovalRepository, DEFAULT_APP_ID, generateEncryptionKey, type NewApproval } from '@posthorn/db'
import { createTestDatabase, type TestDatabase } from '@posthorn/db/testing'
import { createPosthorn, type Posthorn } from '@posthorn/engine'
import { openServicePool, type ServicePool } from '@posthorn/engine/config'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseWorkerConfig } from '../src/config.ts'
import { Maintenance } from '../src/maintenance/maintenance.ts'
import { severing } from '../src/maintenance/severable-pool.ts'
import { createLogRecorder } from './log-recorder.ts'
import { ManualTime } from './manual-time.ts'

const EXPIRED = 'approvals ended that nobody decided in time'
const SWEPT = 'deliveries ended that nothing else would end'
const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000

describe('Maintenance', () => {
  let db: TestDatabase
  let posthorn: Posthorn
  const encryptionKeys = generateEncryptionKey()
  const opened: { maintenance: Maintenance; pool: ServicePool }[] = []

  beforeEach(async () => {
    db = await createTestDatabase()
    posthorn = createPosthorn({ connectionString: db.url, encryptionKeys })
  })
  afterEach(async () => {
    const all = opened.splice(0)
    await Promise.all(all.map(({ maintenance }) => maintenance.stop(1_000, () => undefined)))
    await Promise.all(all.map(({ pool }) => pool.end()))
    await posthorn.stop()
    await db.drop()
  })

  function create(more: Record<string, string> = {}) {
    const config = parseWorkerConfig({
      DATABASE_URL: db.url,
      POSTHORN_ENCRYPTION_KEYS: encryptionKeys,
      ...more,
    })
    const pool = openServicePool(config, { max: 4, name: 'maintenance-test' })
    const logger = createLogRecorder()
    const time = new ManualTime()
    const maintenance = new Maintenance({ posthorn, pool, config, logger, sleep: time.sleep })
    opened.push({ maintenance, pool })
    return { maintenance, logger, time }
  }

  /** Deliveries that wait behind a pause, past their last moment. */
  async function expiredDeliveries(count: number): Promise<void> {
    const endpoint = await posthorn.endpoints.create({ url: 'https://example.com/', eventTypes: ['*'] })
    await posthorn.endpoints.pause(endpoint.id)
    const events = Array.from({ length: count }, (_, n) => ({ type: 'order.created', payload: { n } }))
    await posthorn.publishMany(events)
    await db.pool.query(`update posthorn.delivery_queue set expires_at = now() - interval '1 second'`)
  }

  /** Of a call that nobody decided within its term. */
  async function expiredApproval(
    approvals: ApprovalRepository,
    context: Record<string, unknown>,
  ): Promise<NewApproval> {
    const approval: NewApproval = {
      ...{ id: uuidv7(), callId: uuidv7(), appId: DEFAULT_APP_ID, capability: 'winner_selection' },
      ...{ payloadText: '{"name":"Ada"}', context },
      ...{ createdAt: new Date(Date.now() - HOUR_MS), expiresAt: new Date(Date.now() - MINUTE_MS) },
    }
    await approvals.create(approval)
    return approval
  }

  const pending = async () => {
    const { rows } = await db.pool.query<{ n: number }>(
      'select count(*)::int as n from posthorn.delivery_queue',
    )
    return rows[0]?.n
  }

  it('is done by one of two workers, and by the other one when the first is gone', async () => {
    const [first, second] = [create(), create()]
    await first.maintenance.start()
    await expect.poll(() => first.time.waiting).toEqual([15_000, 15_000, MINUTE_MS, HOUR_MS, HOUR_MS])
    await second.maintenance.start()
    await expect.poll(() => second.time.waiting).toEqual([15_000, 15_000, MINUTE_MS, HOUR_MS, HOUR_MS])

    await expiredDeliveries(1)
    second.time.advance(15_000)
    await expect.poll(() => second.time.waiting).toHaveLength(5)
    expect(await pending()).toBe(1)
    first.time.advance(15_000)
    await expect.poll(() => first.logger.messages()).toContain(SWEPT)
    expect(await pending()).toBe(0)
    expect(second.logger.messages()).not.toContain(SWEPT)

    await first.maintenance.stop(1_000, () => undefined)
    await expiredDeliveries(1)
    await expect
      .poll(() => {
        second.time.advance(15_000)
        return second.logger.messages()
      })
      .toContain(SWEPT)
  })

  it('goes on while a sweep finds full batches', async () => {
    const { maintenance, logger } = create()
    await expiredDeliveries(2_500)
    await maintenance.start()
    await expect.poll(pending, { timeout: 10_000 }).toBe(0)
    // The last line is written a moment after its commit.
    const swept = () =>
      logger.lines.filter((line) => line.message === SWEPT).map((line) => line.fields['expired'])
    await expect.poll(swept).toEqual([1_000, 1_000, 500])
  })

  it('makes missing partitions at the start, whoever has that duty, and again when an hour has passed', async () => {
    const [first, second] = [create(), create()]
    const dropped = async () => {
      const { rows } = await db.pool.query<{ name: string }>(
        `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'posthorn.attempts'::regclass order by 1 desc limit 1`,
      )
      await db.pool.query(`drop table ${rows[0]?.name}`)
      return rows[0]?.name ?? ''
    }
    const exists = async (name: string) => {
      const { rows } = await db.pool.query('select to_regclass($1) is not null as exists', [name])
      return rows[0]?.exists as boolean
    }
    await first.maintenance.start()
    const lastDay = await dropped()
    await second.maintenance.start()
    expect(await exists(lastDay)).toBe(true)

    await expect.poll(() => first.time.waiting).toHaveLength(5)
    await dropped()
    first.time.advance(HOUR_MS)
    await expect.poll(() => exists(lastDay)).toBe(true)
  })

  it('removes what is older than its term', async () => {
    const { maintenance, logger } = create({ ATTEMPT_RETENTION_DAYS: '1' })
    await db.pool.query(`create table posthorn.attempts_p20200101 partition of posthorn.attempts
      for values from ('2020-01-01') to ('2020-01-02')`)
    await maintenance.start()
    await expect
      .poll(() =>
        logger.lines.filter((line) => line.message === 'old rows removed').map((line) => line.fields),
      )
      .toEqual([expect.objectContaining({ partitions: ['attempts_p20200101'] })])
  })

  it('tells apps once of approvals that nobody decided in time', async () => {
    const approvals = new ApprovalRepository(db.pool)
    const late = await expiredApproval(approvals, { roomId: 'room-1' })
    const { maintenance, logger, time } = create()
    await maintenance.start()
    const told = async () => {
      const { rows } = await db.pool.query<{ payload: string }>(
        `select payload from posthorn.events where event_type = 'approval.expired' order by id`,
      )
      return rows.map(({ payload }) => JSON.parse(payload) as unknown)
    }
    await expect.poll(told).toEqual([
      {
        approvalId: formatId('apr', late.id),
        callId: formatId('call', late.callId),
        capability: 'winner_selection',
        status: 'expired',
        note: null,
        decidedAt: null,
        expiresAt: late.expiresAt.toISOString(),
        context: { roomId: 'room-1' },
        payload: { name: 'Ada' },
      },
    ])
    const { rows } = await db.pool.query<{ id: string }>('select id from posthorn.events')
    expect(await approvals.get(null, late.id)).toMatchObject({ status: 'expired', eventId: rows[0]?.id })

    const later = await expiredApproval(approvals, {})
    time.advance(15_000)
    await expect.poll(told).toMatchObject([{}, { approvalId: formatId('apr', later.id) }])
    const ended = () =>
      logger.lines.filter(({ message }) => message === EXPIRED).map(({ fields }) => fields['expired'])
    await expect.poll(ended).toEqual([1, 1])
  })

  it('goes on after a failure', async () => {
    const { maintenance, logger, time } = create()
    await db.pool.query('alter table posthorn.delivery_queue rename to elsewhere')
    await maintenance.start()
    const failed = () =>
      logger.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields['duty'])
    await expect.poll(failed).toContain('sweep')
    await db.pool.query('alter table posthorn.elsewhere rename to delivery_queue')
    await expiredDeliveries(1)
    time.advance(15_000)
    await expect.poll(pending).toBe(0)
  })

  it('stops while a statement waits, and cuts it off when time is up', async () => {
    const config = parseWorkerConfig({ DATABASE_URL: db.url, POSTHORN_ENCRYPTION_KEYS: encryptionKeys })
    const pool = openServicePool(config, { max: 4, name: 'maintenance-test' })
    const cutOff = severing(pool)
    const maintenance = new Maintenance({ posthorn, pool, config, logger: createLogRecorder() })
    const blocker = await db.pool.connect()
    await blocker.query('begin; lock table posthorn.delivery_queue')
    await maintenance.start()
    await expect
      .poll(async () => {
        const { rows } = await db.pool.query(
          `select 1 from pg_stat_activity where application_name = 'maintenance-test' and wait_event_type = 'Lock'`,
        )
        return rows.length
      })
      .toBeGreaterThan(0)
    await maintenance.stop(50, cutOff)
    await pool.end()
    await blocker.query('rollback')
    blocker.release()
  })
})
