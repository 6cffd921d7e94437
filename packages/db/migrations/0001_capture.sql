CREATE TABLE "posthorn"."change_marks" (
	"at" timestamp with time zone PRIMARY KEY DEFAULT clock_timestamp() NOT NULL,
	"snapshot" "pg_snapshot" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "posthorn"."changes" (
	"app_id" uuid NOT NULL,
	"xid" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "posthorn"."changes_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"type" text NOT NULL,
	"data" jsonb NOT NULL,
	"at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "changes_app_id_xid_seq_pk" PRIMARY KEY("app_id","xid","seq")
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000);
--> statement-breakpoint
CREATE TABLE "posthorn"."conversations" (
	"id" uuid PRIMARY KEY NOT NULL,
	"app_id" uuid NOT NULL,
	"session_id" text NOT NULL,
	"title" text,
	"title_place" text collate "C",
	"status" text DEFAULT 'active' NOT NULL,
	"ended_at" timestamp with time zone,
	"end_reason" text,
	"status_place" text collate "C",
	"model" text,
	"model_place" text collate "C",
	"cwd" text,
	"cwd_place" text collate "C",
	"started_at" timestamp with time zone NOT NULL,
	"last_event_at" timestamp with time zone NOT NULL,
	"event_count" integer DEFAULT 0 NOT NULL,
	"message_count" integer DEFAULT 0 NOT NULL,
	"tool_use_count" integer DEFAULT 0 NOT NULL,
	"tool_failure_count" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "conversations_status" CHECK ("posthorn"."conversations"."status" in ('active', 'ended'))
) WITH (fillfactor = 60);
--> statement-breakpoint
CREATE TABLE "posthorn"."messages" (
	"id" uuid PRIMARY KEY NOT NULL,
	"app_id" uuid NOT NULL,
	"conversation_id" uuid NOT NULL,
	"event_id" uuid NOT NULL,
	"role" text NOT NULL,
	"text" text NOT NULL,
	"agent_id" text,
	"agent_type" text,
	"occurred_at" timestamp with time zone NOT NULL,
	"place" text collate "C" NOT NULL,
	CONSTRAINT "messages_role" CHECK ("posthorn"."messages"."role" in ('user', 'assistant'))
);
--> statement-breakpoint
CREATE TABLE "posthorn"."tool_uses" (
	"id" uuid PRIMARY KEY NOT NULL,
	"app_id" uuid NOT NULL,
	"conversation_id" uuid NOT NULL,
	"tool_use_id" text,
	"event_id" uuid NOT NULL,
	"tool_name" text NOT NULL,
	"input" text,
	"input_place" text collate "C",
	"status" text DEFAULT 'running' NOT NULL,
	"response" text,
	"error" text,
	"interrupted" boolean DEFAULT false NOT NULL,
	"duration_ms" real,
	"ended_at" timestamp with time zone,
	"outcome_place" text collate "C",
	"agent_id" text,
	"agent_type" text,
	"started_at" timestamp with time zone NOT NULL,
	"place" text collate "C" NOT NULL,
	CONSTRAINT "tool_uses_status" CHECK ("posthorn"."tool_uses"."status" in ('running', 'succeeded', 'failed', 'denied'))
) WITH (fillfactor = 80);
--> statement-breakpoint
CREATE TABLE "posthorn"."hook_clients" (
	"app_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"host" text,
	"platform" text,
	"arch" text,
	"node_version" text,
	"version" text,
	"backlog" integer DEFAULT 0 NOT NULL,
	"failed" integer DEFAULT 0 NOT NULL,
	"dropped" bigint DEFAULT 0 NOT NULL,
	"dropped_by_reason" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"last_error" jsonb,
	"first_seen_at" timestamp with time zone DEFAULT now() NOT NULL,
	"last_seen_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "hook_clients_app_id_id_pk" PRIMARY KEY("app_id","id")
) WITH (fillfactor = 50);
--> statement-breakpoint
CREATE TABLE "posthorn"."projection_queue" (
	"id" uuid PRIMARY KEY NOT NULL,
	"app_id" uuid NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"next_attempt_at" timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
	"attempt_count" integer DEFAULT 0 NOT NULL,
	"claim_count" integer DEFAULT 0 NOT NULL,
	"lease_token" uuid,
	"lease_expires_at" timestamp with time zone,
	"ordering_key" text,
	"seq" bigint,
	CONSTRAINT "projection_queue_status" CHECK ("posthorn"."projection_queue"."status" in ('pending', 'processing', 'halted'))
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000);
--> statement-breakpoint
CREATE INDEX "changes_xid" ON "posthorn"."changes" USING btree ("xid");--> statement-breakpoint
CREATE UNIQUE INDEX "conversations_session" ON "posthorn"."conversations" USING btree ("app_id","session_id");--> statement-breakpoint
CREATE INDEX "conversations_app" ON "posthorn"."conversations" USING btree ("app_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "messages_event" ON "posthorn"."messages" USING btree ("event_id");--> statement-breakpoint
CREATE INDEX "messages_conversation" ON "posthorn"."messages" USING btree ("conversation_id","place");--> statement-breakpoint
CREATE UNIQUE INDEX "tool_uses_tool" ON "posthorn"."tool_uses" USING btree ("conversation_id","tool_use_id") WHERE "posthorn"."tool_uses"."tool_use_id" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "tool_uses_event" ON "posthorn"."tool_uses" USING btree ("event_id") WHERE "posthorn"."tool_uses"."tool_use_id" is null;--> statement-breakpoint
CREATE INDEX "tool_uses_conversation" ON "posthorn"."tool_uses" USING btree ("conversation_id","place");--> statement-breakpoint
CREATE INDEX "projection_queue_due" ON "posthorn"."projection_queue" USING btree ("next_attempt_at","id") WHERE "posthorn"."projection_queue"."status" = 'pending';--> statement-breakpoint
CREATE INDEX "projection_queue_group" ON "posthorn"."projection_queue" USING btree ("app_id","next_attempt_at","id") WHERE "posthorn"."projection_queue"."status" = 'pending' and "posthorn"."projection_queue"."ordering_key" is null;--> statement-breakpoint
CREATE INDEX "projection_queue_leased" ON "posthorn"."projection_queue" USING btree ("lease_token","app_id","lease_expires_at") WHERE "posthorn"."projection_queue"."status" = 'processing';--> statement-breakpoint
CREATE INDEX "projection_queue_order" ON "posthorn"."projection_queue" USING btree ("app_id","ordering_key","seq") WHERE "posthorn"."projection_queue"."ordering_key" is not null;
--> statement-breakpoint
INSERT INTO "posthorn"."change_marks" ("at", "snapshot") VALUES ('-infinity', '3:3:');
--> statement-breakpoint
-- Catalogue changes only, no rewrite: every new column is null or has a constant default. Last, so that the lock which
-- stops writers is held for no longer than the commit takes.
ALTER TABLE "posthorn"."events"
	ALTER COLUMN "payload" DROP NOT NULL,
	ADD COLUMN "raw_body" "bytea",
	ADD COLUMN "occurred_at" timestamp with time zone,
	ADD COLUMN "processed_at" timestamp with time zone,
	ADD COLUMN "processing_time_ms" real,
	ADD COLUMN "conversation_id" uuid,
	ADD COLUMN "message_id" uuid,
	ADD COLUMN "tool_use_id" uuid,
	ADD COLUMN "error_code" text,
	ADD COLUMN "error_message" text,
	ADD COLUMN "error_stack" text,
	ADD COLUMN "retry_count" integer DEFAULT 0 NOT NULL,
	ADD COLUMN "retry_after" timestamp with time zone,
	ADD COLUMN "duplicate_of" uuid;
