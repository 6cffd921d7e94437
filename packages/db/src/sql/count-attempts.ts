/**
 * Writes statistics of attempts: absolute figures of rows that only their worker writes, sorted, so that no two writers
 * wait for each other in a circle.
 *
 * @param rows the parameter that holds them, a JSON array of rows of `attempt_stats`
 */
export const countAttemptsSql = (
  rows: string,
): string => `insert into posthorn.attempt_stats (endpoint_id, minute, worker_id, attempts, successes, duration_sum_ms, failures, buckets, bucket_counts)
  select endpoint_id, minute, worker_id, attempts, successes, duration_sum_ms, failures, buckets, bucket_counts
    from jsonb_to_recordset(${rows}::jsonb) as s(endpoint_id uuid, minute timestamptz, worker_id text, attempts int, successes int,
      duration_sum_ms bigint, failures jsonb, buckets smallint[], bucket_counts int[])
   order by endpoint_id, minute
  on conflict (endpoint_id, minute, worker_id) do update
     set attempts = excluded.attempts, successes = excluded.successes, duration_sum_ms = excluded.duration_sum_ms,
         failures = excluded.failures, buckets = excluded.buckets, bucket_counts = excluded.bucket_counts`
