const COLUMNS = `n.id, n.app_id as "appId", n.capability, n.room_id as "roomId", n.reason, n.strategy, n.count,
       n.first_at as "firstAt", n.last_at as "lastAt", n.call_id as "callId", n.parts`
const alike = (where: string) =>
  `(select ${COLUMNS} from posthorn.notifications n
     where ${where} and n.app_id = i."appId" and n.id >= i.since and n.capability = i.capability
       and n.reason = i.reason and n.strategy = i.strategy
     order by n.id desc limit 100)`

/**
 * Notifications that are of the same kind as some others and not older than each one's horizon, newest first. Where there
 * is a room, its index finds them; without one, what its app was told of in the last hour is looked through. Each is asked
 * for by itself, behind a limit: joined, the table was read whole.
 *
 * $1 the others, with the horizon of each as `since`.
 */
export const findAlikeSql = `
with input as materialized (
  select distinct * from json_to_recordset($1::json) as i(
    "appId" uuid, capability text, "roomId" text, reason text, strategy text, since uuid)
), alike as (
  select a.* from input i cross join lateral ${alike('n.room_id = i."roomId"')} a where i."roomId" is not null
  union
  select a.* from input i cross join lateral ${alike('n.room_id is null')} a where i."roomId" is null
)
select * from alike order by id desc`

/**
 * Keeps notifications as they have become, new ones and those that have grown: what has grown is unread again. Rows are
 * written in the order of their ids.
 *
 * $1 the notifications.
 */
export const keepNotificationsSql = `
insert into posthorn.notifications (id, app_id, capability, room_id, reason, strategy, count, first_at, last_at, call_id, parts)
select id, "appId", capability, "roomId", reason, strategy, count, "firstAt", "lastAt", "callId", parts
  from json_to_recordset($1::json) as i(
    id uuid, "appId" uuid, capability text, "roomId" text, reason text, strategy text, count int, "firstAt" timestamptz,
    "lastAt" timestamptz, "callId" uuid, parts jsonb)
 order by id
on conflict (id) do update
   set count = excluded.count, first_at = excluded.first_at, last_at = excluded.last_at, call_id = excluded.call_id,
       parts = excluded.parts, read_at = null, read_by = null`
