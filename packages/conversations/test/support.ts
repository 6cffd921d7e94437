import { uuidv7 } from '@posthorn/core'
import { DEFAULT_APP_ID } from '@posthorn/db'
import type pg from 'pg'
import type { RecordedEvent } from '../src/fixtures.ts'
import type { CaptureRequest } from '../src/types.ts'

/** A request with a body, as an ingest hands it in. */
export function request(body: unknown, overrides: Partial<CaptureRequest> = {}): CaptureRequest {
  return {
    appId: DEFAULT_APP_ID,
    body: Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    requestId: uuidv7(),
    capturedAt: null,
    traceId: null,
    headers: { 'user-agent': 'test' },
    ipAddress: '127.0.0.1',
    client: null,
    project: true,
    ...overrides,
  }
}

/** A recorded event, as its client sends it. */
export const replay = (
  { body, requestId, capturedAt }: RecordedEvent,
  overrides: Partial<CaptureRequest> = {},
) => request(body, { requestId, capturedAt, ...overrides })

/** Rows of a statement. */
export const rowsOf = async <T extends pg.QueryResultRow>(
  pool: pg.Pool,
  text: string,
  values: unknown[] = [],
): Promise<T[]> => (await pool.query<T>(text, values)).rows

/** How many rows a table has. */
export async function count(pool: pg.Pool, table: string, where = 'true'): Promise<number> {
  const [row] = await rowsOf<{ n: number }>(
    pool,
    `select count(*)::int as n from posthorn.${table} where ${where}`,
  )
  return row?.n ?? 0
}

/** Everything that a projection has made for an app, without ids: they are made anew each time. */
export async function projected(pool: pg.Pool, appId: string) {
  const request = '(select e.request_id from posthorn.events e where e.id = event_id) as request'
  const [conversations, messages, toolUses] = await Promise.all([
    rowsOf(
      pool,
      `select session_id, title, title_place, status, ended_at, end_reason, status_place, model, model_place, cwd, cwd_place,
         started_at, last_event_at, event_count, message_count, tool_use_count, tool_failure_count
         from posthorn.conversations where app_id = $1 order by session_id`,
      [appId],
    ),
    rowsOf(
      pool,
      `select c.session_id, m.role, m.text, m.agent_id, m.agent_type, m.occurred_at, m.place, ${request}
         from posthorn.messages m join posthorn.conversations c on c.id = m.conversation_id
        where m.app_id = $1 order by c.session_id, m.place`,
      [appId],
    ),
    rowsOf(
      pool,
      `select c.session_id, t.tool_use_id, t.tool_name, t.input, t.input_place, t.status, t.response, t.error, t.interrupted,
         t.duration_ms, t.ended_at, t.outcome_place, t.agent_id, t.agent_type, t.started_at, t.place, ${request}
         from posthorn.tool_uses t join posthorn.conversations c on c.id = t.conversation_id
        where t.app_id = $1 order by c.session_id, t.place, t.tool_use_id`,
      [appId],
    ),
  ])
  return { conversations, messages, toolUses }
}

/** An endpoint that subscribes to something; of no use but to be owed deliveries. */
export async function subscribe(
  pool: pg.Pool,
  appId: string,
  eventTypes: readonly string[],
): Promise<string> {
  const id = uuidv7()
  await pool.query(
    `insert into posthorn.endpoints (id, app_id, url, url_sha256, host, event_types, secrets, timeout_ms, connect_timeout_ms,
       retry, max_concurrency, circuit)
     values ($1, $2, 'http://localhost', '', 'localhost', $3, '', 1000, 1000, '{"maxAttempts":5,"maxAgeMs":60000}', 16, '{}')`,
    [id, appId, eventTypes],
  )
  return id
}
