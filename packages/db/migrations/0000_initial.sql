CREATE SCHEMA IF NOT EXISTS "posthorn";
--> statement-breakpoint
CREATE TABLE "posthorn"."api_keys" (
	"id" uuid PRIMARY KEY NOT NULL,
	"app_id" uuid,
	"name" text NOT NULL,
	"role" text NOT NULL,
	"secret_hash" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone,
	"revoked_at" timestamp with time zone,
	"last_used_at" timestamp with time zone,
	CONSTRAINT "api_keys_role" CHECK ("posthorn"."api_keys"."role" in ('ingest', 'read', 'operator', 'admin'))
);
--> statement-breakpoint
CREATE TABLE "posthorn"."apps" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"contacts" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"deleted_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "posthorn"."attempt_stats" (
	"endpoint_id" uuid NOT NULL,
	"minute" timestamp with time zone NOT NULL,
	"worker_id" text NOT NULL,
	"attempts" integer NOT NULL,
	"successes" integer NOT NULL,
	"duration_sum_ms" bigint NOT NULL,
	"failures" jsonb NOT NULL,
	"buckets" smallint[] NOT NULL,
	"bucket_counts" integer[] NOT NULL,
	CONSTRAINT "attempt_stats_endpoint_id_minute_worker_id_pk" PRIMARY KEY("endpoint_id","minute","worker_id")
) WITH (fillfactor = 70);
--> statement-breakpoint
CREATE TABLE "posthorn"."attempts" (
	"id" uuid NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"kind" text NOT NULL,
	"delivery_id" uuid,
	"endpoint_id" uuid NOT NULL,
	"number" integer NOT NULL,
	"duration_ms" real NOT NULL,
	"success" boolean NOT NULL,
	"status_code" smallint,
	"failure" text,
	"error_code" text,
	"error_message" text,
	"timing" jsonb,
	"response_headers" jsonb,
	"response_body" text,
	"response_truncated" boolean DEFAULT false NOT NULL,
	"worker_id" text NOT NULL,
	"circuit_epoch" bigint NOT NULL,
	CONSTRAINT "attempts_kind" CHECK ("posthorn"."attempts"."kind" in ('delivery', 'call', 'health', 'test'))
) PARTITION BY RANGE ("started_at");
--> statement-breakpoint
CREATE TABLE "posthorn"."dead_letters" (
	"id" uuid PRIMARY KEY NOT NULL,
	"app_id" uuid NOT NULL,
	"delivery_id" uuid NOT NULL,
	"event_id" uuid NOT NULL,
	"endpoint_id" uuid NOT NULL,
	"reason" text NOT NULL,
	"failure" text,
	"error" text,
	"attempts" integer NOT NULL,
	"failed_at" timestamp with time zone DEFAULT now() NOT NULL,
	"requeued_at" timestamp with time zone,
	"requeued_by" text,
	"discarded_at" timestamp with time zone,
	"discarded_by" text,
	CONSTRAINT "dead_letters_reason" CHECK ("posthorn"."dead_letters"."reason" in ('exhausted', 'permanent', 'expired', 'blocked', 'poisoned'))
);
--> statement-breakpoint
CREATE TABLE "posthorn"."deliveries" (
	"id" uuid PRIMARY KEY NOT NULL,
	"event_id" uuid NOT NULL,
	"endpoint_id" uuid NOT NULL,
	"app_id" uuid NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"attempt_count" integer DEFAULT 0 NOT NULL,
	"max_attempts" integer NOT NULL,
	"scheduled_at" timestamp with time zone,
	"expires_at" timestamp with time zone NOT NULL,
	"headers" "bytea",
	"metadata" jsonb,
	"ordering_key" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"delivered_at" timestamp with time zone,
	"failed_at" timestamp with time zone,
	"last_failure" text,
	"last_error" text,
	CONSTRAINT "deliveries_status" CHECK ("posthorn"."deliveries"."status" in ('pending', 'delivered', 'failed', 'dead', 'cancelled'))
) WITH (fillfactor = 80);
--> statement-breakpoint
CREATE TABLE "posthorn"."delivery_queue" (
	"id" uuid PRIMARY KEY NOT NULL,
	"endpoint_id" uuid NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"next_attempt_at" timestamp with time zone NOT NULL,
	"attempt_count" integer DEFAULT 0 NOT NULL,
	"claim_count" integer DEFAULT 0 NOT NULL,
	"lease_token" uuid,
	"lease_expires_at" timestamp with time zone,
	"ordering_key" text,
	"seq" bigint,
	"expires_at" timestamp with time zone NOT NULL,
	"cancel_requested" boolean DEFAULT false NOT NULL,
	CONSTRAINT "delivery_queue_status" CHECK ("posthorn"."delivery_queue"."status" in ('pending', 'processing', 'halted'))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000);
--> statement-breakpoint
CREATE TABLE "posthorn"."circuit_breakers" (
	"endpoint_id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"epoch" bigint NOT NULL,
	"state" jsonb NOT NULL,
	"opened_at" timestamp with time zone,
	"closed_at" timestamp with time zone,
	"next_probe_at" timestamp with time zone,
	"probe_token" uuid,
	"probe_expires_at" timestamp with time zone,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "circuit_breakers_name" CHECK ("posthorn"."circuit_breakers"."name" in ('closed', 'open', 'half_open', 'disabled', 'forced_open'))
) WITH (fillfactor = 50);
--> statement-breakpoint
CREATE TABLE "posthorn"."endpoint_rates" (
	"endpoint_id" uuid PRIMARY KEY NOT NULL,
	"tokens" double precision NOT NULL,
	"refilled_at" timestamp with time zone NOT NULL
) WITH (fillfactor = 50);
--> statement-breakpoint
CREATE TABLE "posthorn"."endpoints" (
	"id" uuid PRIMARY KEY NOT NULL,
	"app_id" uuid NOT NULL,
	"origin" text DEFAULT 'api' NOT NULL,
	"url" text NOT NULL,
	"url_sha256" "bytea" NOT NULL,
	"host" text NOT NULL,
	"description" text,
	"capability" text,
	"event_types" text[] DEFAULT '{}'::text[] NOT NULL,
	"format" text DEFAULT 'raw' NOT NULL,
	"headers" "bytea",
	"signing" text DEFAULT 'v1' NOT NULL,
	"secrets" "bytea" NOT NULL,
	"timeout_ms" integer NOT NULL,
	"connect_timeout_ms" integer NOT NULL,
	"retry" jsonb NOT NULL,
	"success_codes" integer[],
	"max_concurrency" integer NOT NULL,
	"rate_limit" integer,
	"rate_period_ms" integer,
	"circuit" jsonb NOT NULL,
	"ordering_on_failure" text DEFAULT 'continue' NOT NULL,
	"enabled" boolean DEFAULT true NOT NULL,
	"disabled_reason" text,
	"paused_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"deleted_at" timestamp with time zone,
	CONSTRAINT "endpoints_origin" CHECK ("posthorn"."endpoints"."origin" in ('api', 'enqueue')),
	CONSTRAINT "endpoints_format" CHECK ("posthorn"."endpoints"."format" in ('raw', 'standard', 'cloudevents')),
	CONSTRAINT "endpoints_signing" CHECK ("posthorn"."endpoints"."signing" in ('v1', 'v1a')),
	CONSTRAINT "endpoints_ordering" CHECK ("posthorn"."endpoints"."ordering_on_failure" in ('continue', 'halt')),
	CONSTRAINT "endpoints_url_length" CHECK (length("posthorn"."endpoints"."url") <= 2048)
);
--> statement-breakpoint
CREATE TABLE "posthorn"."events" (
	"id" uuid PRIMARY KEY NOT NULL,
	"app_id" uuid NOT NULL,
	"source" text NOT NULL,
	"request_id" text,
	"trace_id" text,
	"event_type" text NOT NULL,
	"session_id" text,
	"payload" text NOT NULL,
	"headers" jsonb,
	"ip_address" "inet",
	"metadata" jsonb,
	"status" text DEFAULT 'SUCCESS' NOT NULL,
	"received_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "events_status_known" CHECK ("posthorn"."events"."status" in ('PENDING', 'PROCESSING', 'SUCCESS', 'PENDING_RETRY', 'FAILED', 'ERROR', 'INVALID', 'DUPLICATE'))
);
--> statement-breakpoint
CREATE TABLE "posthorn"."idempotency_keys" (
	"app_id" uuid NOT NULL,
	"key" text NOT NULL,
	"fingerprint" "bytea" NOT NULL,
	"event_id" uuid NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "idempotency_keys_app_id_key_pk" PRIMARY KEY("app_id","key")
);
--> statement-breakpoint
CREATE INDEX "api_keys_app" ON "posthorn"."api_keys" USING btree ("app_id");--> statement-breakpoint
CREATE INDEX "attempt_stats_minute" ON "posthorn"."attempt_stats" USING btree ("minute");--> statement-breakpoint
CREATE UNIQUE INDEX "attempts_delivery" ON "posthorn"."attempts" USING btree ("delivery_id","id","started_at");--> statement-breakpoint
CREATE INDEX "attempts_endpoint" ON "posthorn"."attempts" USING btree ("endpoint_id","started_at");--> statement-breakpoint
CREATE UNIQUE INDEX "dead_letters_open" ON "posthorn"."dead_letters" USING btree ("delivery_id") WHERE "posthorn"."dead_letters"."requeued_at" is null and "posthorn"."dead_letters"."discarded_at" is null;--> statement-breakpoint
CREATE INDEX "dead_letters_delivery" ON "posthorn"."dead_letters" USING btree ("delivery_id","id");--> statement-breakpoint
CREATE INDEX "dead_letters_app" ON "posthorn"."dead_letters" USING btree ("app_id","id");--> statement-breakpoint
CREATE INDEX "dead_letters_endpoint" ON "posthorn"."dead_letters" USING btree ("endpoint_id","id");--> statement-breakpoint
CREATE INDEX "deliveries_event" ON "posthorn"."deliveries" USING btree ("event_id");--> statement-breakpoint
CREATE INDEX "deliveries_app" ON "posthorn"."deliveries" USING btree ("app_id","id");--> statement-breakpoint
CREATE INDEX "deliveries_endpoint" ON "posthorn"."deliveries" USING btree ("endpoint_id","id");--> statement-breakpoint
CREATE INDEX "delivery_queue_due" ON "posthorn"."delivery_queue" USING btree ("next_attempt_at","id") WHERE "posthorn"."delivery_queue"."status" = 'pending';--> statement-breakpoint
CREATE INDEX "delivery_queue_group" ON "posthorn"."delivery_queue" USING btree ("endpoint_id","next_attempt_at","id") WHERE "posthorn"."delivery_queue"."status" = 'pending' and "posthorn"."delivery_queue"."ordering_key" is null;--> statement-breakpoint
CREATE INDEX "delivery_queue_leased" ON "posthorn"."delivery_queue" USING btree ("lease_token","endpoint_id","lease_expires_at") WHERE "posthorn"."delivery_queue"."status" = 'processing';--> statement-breakpoint
CREATE INDEX "delivery_queue_order" ON "posthorn"."delivery_queue" USING btree ("endpoint_id","ordering_key","seq") WHERE "posthorn"."delivery_queue"."ordering_key" is not null;--> statement-breakpoint
CREATE INDEX "endpoints_app" ON "posthorn"."endpoints" USING btree ("app_id","id") WHERE "posthorn"."endpoints"."deleted_at" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "endpoints_enqueue_url" ON "posthorn"."endpoints" USING btree ("app_id","url_sha256") WHERE "posthorn"."endpoints"."origin" = 'enqueue' and "posthorn"."endpoints"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "events_app" ON "posthorn"."events" USING btree ("app_id","id");--> statement-breakpoint
CREATE INDEX "events_type" ON "posthorn"."events" USING btree ("app_id","event_type","id");--> statement-breakpoint
CREATE INDEX "events_request" ON "posthorn"."events" USING btree ("app_id","request_id") WHERE "posthorn"."events"."request_id" is not null;--> statement-breakpoint
CREATE INDEX "events_session" ON "posthorn"."events" USING btree ("app_id","session_id","id") WHERE "posthorn"."events"."session_id" is not null;--> statement-breakpoint
CREATE INDEX "events_status" ON "posthorn"."events" USING btree ("app_id","status","id") WHERE "posthorn"."events"."status" <> 'SUCCESS';--> statement-breakpoint
CREATE INDEX "idempotency_keys_expiry" ON "posthorn"."idempotency_keys" USING btree ("expires_at");--> statement-breakpoint
CREATE SEQUENCE "posthorn"."delivery_seq" AS bigint CACHE 1;
--> statement-breakpoint
INSERT INTO "posthorn"."apps" ("id", "name") VALUES ('00000000-0000-7000-8000-000000000001', 'default') ON CONFLICT DO NOTHING;
--> statement-breakpoint
-- What the claim asks of each endpoint that has due deliveries: how many may be in flight in all, and how many may be
-- taken now (null: no limit of its own). A deleted, disabled or paused endpoint gives nothing; an open circuit gives one
-- probe when it is time; a rate limit gives its tokens; after a circuit closed, its endpoint ramps up by two a second.
CREATE VIEW "posthorn"."endpoint_gates" AS
SELECT e.id AS group_key,
       CASE WHEN c.name = 'closed' AND c.closed_at > now() - interval '1 minute'
            THEN least(e.max_concurrency, 1 + floor(extract(epoch FROM now() - c.closed_at) * 2)::int)
            ELSE e.max_concurrency END AS max_in_flight,
       CASE WHEN e.deleted_at IS NOT NULL OR NOT e.enabled OR e.paused_at IS NOT NULL OR c.name = 'forced_open' THEN 0
            ELSE least(
              CASE WHEN c.name IN ('open', 'half_open')
                   THEN CASE WHEN coalesce(c.next_probe_at, now()) <= now() AND (c.probe_token IS NULL OR c.probe_expires_at <= now()) THEN 1 ELSE 0 END
              END,
              CASE WHEN e.rate_limit IS NOT NULL
                   THEN floor(least(e.rate_limit, coalesce(r.tokens + extract(epoch FROM now() - r.refilled_at) * 1000 * e.rate_limit / e.rate_period_ms, e.rate_limit)))::int
              END)
       END AS allowance
  FROM "posthorn"."endpoints" e
  LEFT JOIN "posthorn"."circuit_breakers" c ON c.endpoint_id = e.id
  LEFT JOIN "posthorn"."endpoint_rates" r ON r.endpoint_id = e.id;
