/**
 * Projects one event in one short transaction of three statements, each of which leaves the same rows whatever has been
 * there before: a field is decided by the place of its event, never by arrival.
 *
 * The conversation's row is written, so locked, first: events of one session follow each other from there on, those of
 * others never meet. One statement for all three would be a round trip instead of three, but a statement sees what was
 * there when it began and not what the lock it then waited for protects: counts would be lost.
 */

/** A field that keeps what the event with the first place, or the last one, says. */
const register = (keeps: 'first' | 'last', fields: readonly string[], place: string): string => {
  const isBetter = `excluded.${place} is not null and (excluded.${place} ${keeps === 'first' ? '<' : '>'} c.${place}) is not false`
  return [...fields, place]
    .map((field) => `${field} = case when ${isBetter} then excluded.${field} else c.${field} end`)
    .join(',\n    ')
}

/** The time-outs with which a projection begins: it is tried again rather than waited for. */
export const beginProjectionSql =
  'begin; set local lock_timeout = 3000; set local statement_timeout = 5000; set local idle_in_transaction_session_timeout = 10000'

/**
 * The conversation of a session, made or met, and locked.
 *
 * $1 a new id, $2 app, $3 session, $4 place, $5 time, $6 title, $7 status, $8 reason of an end, $9 model, $10 cwd.
 */
export const touchConversationSql = `
insert into posthorn.conversations as c (id, app_id, session_id, started_at, last_event_at, title, title_place,
  status, ended_at, end_reason, status_place, model, model_place, cwd, cwd_place)
values ($1, $2, $3, $5::timestamptz, $5::timestamptz, $6::text, case when $6::text is not null then $4::text end,
  coalesce($7::text, 'active'), case when $7::text = 'ended' then $5::timestamptz end, $8,
  case when $7::text is not null then $4::text end,
  $9::text, case when $9::text is not null then $4::text end, $10::text, case when $10::text is not null then $4::text end)
on conflict (app_id, session_id) do update set
    started_at = least(c.started_at, excluded.started_at),
    last_event_at = greatest(c.last_event_at, excluded.last_event_at),
    ${register('first', ['title'], 'title_place')},
    ${register('last', ['status', 'ended_at', 'end_reason'], 'status_place')},
    ${register('last', ['model'], 'model_place')},
    ${register('first', ['cwd'], 'cwd_place')}
returning id`

const isNews = [
  'excluded.input_place > t.input_place',
  "excluded.outcome_place > coalesce(t.outcome_place, '')",
  'excluded.place < t.place',
  'excluded.started_at < t.started_at',
  'excluded.agent_id is not null and (excluded.agent_id < t.agent_id) is not false',
].join(' or ')
const better = (field: string, place: string) =>
  `${field} = case when excluded.${place} > coalesce(t.${place}, '') then excluded.${field} else t.${field} end`

/**
 * What the event says: a message, uses of tools. Run under the lock of the conversation.
 *
 * $1 conversation, $2 app, $3 event, $4 place, $5 time, $6 agent, $7 its type, $8 id of a message or null, $9 its role,
 * $10 its text, $11 uses of tools, as JSON. Answers one row: what is new, and the ids.
 */
export const recordFactsSql = `
with said as (
  insert into posthorn.messages (id, app_id, conversation_id, event_id, role, text, agent_id, agent_type, occurred_at, place)
  select $8::uuid, $2, $1, $3, $9::text, $10::text, $6::text, $7::text, $5::timestamptz, $4 where $8::uuid is not null
  on conflict (event_id) do nothing
  returning id
), input as materialized (
  select * from jsonb_to_recordset($11::jsonb) as i(id uuid, tool_use_id text, tool_name text, input text,
    input_rank text, status text, response text, error text, interrupted boolean, duration_ms real,
    outcome_rank text, started_at timestamptz)
), known as materialized (
  select t.id, t.tool_use_id, t.status from posthorn.tool_uses t
   where t.conversation_id = $1 and t.tool_use_id = any (array(select tool_use_id from input where tool_use_id is not null))
), rows as (
  select i.id, $2::uuid as app_id, $1::uuid as conversation_id, i.tool_use_id, $3::uuid as event_id, i.tool_name, i.input,
         i.input_rank || $4::text as input_place, coalesce(i.status, 'running') as status, i.response, i.error,
         coalesce(i.interrupted, false) as interrupted, i.duration_ms,
         case when i.status is not null then $5::timestamptz end as ended_at, i.outcome_rank || $4::text as outcome_place,
         $6::text as agent_id, $7::text as agent_type, i.started_at, $4::text as place
    from input i
), joined as (
  insert into posthorn.tool_uses as t (id, app_id, conversation_id, tool_use_id, event_id, tool_name, input, input_place,
    status, response, error, interrupted, duration_ms, ended_at, outcome_place, agent_id, agent_type, started_at, place)
  select * from rows where tool_use_id is not null order by tool_use_id
  on conflict (conversation_id, tool_use_id) where tool_use_id is not null do update set
    ${['tool_name', 'input'].map((field) => better(field, 'input_place')).join(',\n    ')},
    input_place = greatest(t.input_place, excluded.input_place),
    ${['status', 'response', 'error', 'interrupted', 'duration_ms', 'ended_at'].map((field) => better(field, 'outcome_place')).join(',\n    ')},
    outcome_place = greatest(t.outcome_place, excluded.outcome_place),
    event_id = case when excluded.place < t.place then excluded.event_id else t.event_id end,
    place = least(t.place, excluded.place),
    started_at = least(t.started_at, excluded.started_at),
    agent_id = least(t.agent_id, excluded.agent_id),
    agent_type = least(t.agent_type, excluded.agent_type)
  where ${isNews}
  returning t.id, t.tool_use_id, t.tool_name, t.status
), alone as (
  insert into posthorn.tool_uses (id, app_id, conversation_id, tool_use_id, event_id, tool_name, input, input_place,
    status, response, error, interrupted, duration_ms, ended_at, outcome_place, agent_id, agent_type, started_at, place)
  select * from rows where tool_use_id is null
  on conflict (event_id) where tool_use_id is null do nothing
  returning id, tool_use_id, tool_name, status
), written as (
  select w.id, w.tool_use_id, w.tool_name, w.status, k.id is null as is_new, k.status as was
    from (select * from joined union all select * from alone) w left join known k on k.id = w.id
)
select
  coalesce((select id from said), (select id from posthorn.messages where event_id = $3)) as message_id,
  (select count(*)::int from said) as messages,
  (select coalesce(json_agg(json_build_object('id', id, 'toolName', tool_name, 'status', status)), '[]') from written) as tool_uses,
  (select array_agg(id) from (select id from known union select id from written) a) as tool_use_ids,
  (select count(*)::int from written where is_new) as new_tool_uses,
  (select coalesce(sum((status = 'failed')::int - (was is not distinct from 'failed')::int), 0)::int from written) as failures`

const iso = (time: string) => `to_char(${time} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

/**
 * The end of a projection: its queue row goes, if it is still ours; the event has its result; the conversation is counted;
 * all of it is announced. No row: the lease is lost, and nothing may be committed.
 *
 * $1 event, $2 lease, $3 conversation or null, $4 messages, $5 tool uses and $6 failures that are new, $7 message, $8 tool
 * use, $9 duration in ms, $10 what is announced beside event and conversation, as a JSON list of { type, data }.
 */
export const endProjectionSql = `
with ours as materialized (
  delete from posthorn.projection_queue q where q.id = $1 and q.lease_token = $2 returning q.id
), before as materialized (
  select e.conversation_id from posthorn.events e where e.id = $1
), settled as (
  update posthorn.events e set status = 'SUCCESS', processed_at = statement_timestamp(), processing_time_ms = $9::real,
    conversation_id = $3::uuid, message_id = coalesce($7::uuid, e.message_id),
    tool_use_id = coalesce($8::uuid, e.tool_use_id),
    error_code = null, error_message = null, error_stack = null, retry_after = null
   where e.id = (select id from ours)
  returning e.id, e.app_id, e.event_type, e.session_id
), counted as (
  update posthorn.conversations c set
    event_count = c.event_count + (select count(*)::int from before where conversation_id is null),
    message_count = c.message_count + $4::int, tool_use_count = c.tool_use_count + $5::int,
    tool_failure_count = c.tool_failure_count + $6::int
   where c.id = $3::uuid and exists (select from ours)
  returning c.*
), announced as (
  insert into posthorn.changes (app_id, type, data)
  select app_id, type, data from (
    select 1 as at, c.app_id, 'conversation_update' as type, jsonb_build_object(
        'id', 'conv_' || replace(c.id::text, '-', ''), 'sessionId', c.session_id, 'title', c.title, 'status', c.status,
        'startedAt', ${iso('c.started_at')}, 'endedAt', ${iso('c.ended_at')},
        'lastEventAt', ${iso('c.last_event_at')}, 'counts', jsonb_build_object('events', c.event_count,
          'messages', c.message_count, 'toolUses', c.tool_use_count, 'toolFailures', c.tool_failure_count)) as data
      from counted c
    union all
    select 2, s.app_id, n.type, n.data from settled s, jsonb_to_recordset($10::jsonb) as n(type text, data jsonb)
    union all
    select 3, s.app_id, 'event', jsonb_build_object('id', 'evt_' || replace(s.id::text, '-', ''), 'type', s.event_type,
        'status', 'SUCCESS', 'sessionId', s.session_id)
      from settled s
  ) all_of_it order by at
)
select id from ours`
