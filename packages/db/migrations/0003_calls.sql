CREATE TABLE "posthorn"."manifests" (
	"app_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"manifest" json NOT NULL,
	"health_url" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"created_by" text,
	CONSTRAINT "manifests_app_id_version_pk" PRIMARY KEY("app_id","version")
);
--> statement-breakpoint
CREATE TABLE "posthorn"."approvals" (
	"id" uuid PRIMARY KEY NOT NULL,
	"call_id" uuid NOT NULL,
	"app_id" uuid NOT NULL,
	"capability" text NOT NULL,
	"payload" text NOT NULL,
	"context" json NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"decided_at" timestamp with time zone,
	"decided_by" text,
	"note" text,
	"event_id" uuid,
	CONSTRAINT "approvals_status" CHECK ("posthorn"."approvals"."status" in ('pending', 'approved', 'rejected'))
) WITH (fillfactor = 80);
--> statement-breakpoint
CREATE TABLE "posthorn"."calls" (
	"id" uuid NOT NULL,
	"app_id" uuid NOT NULL,
	"endpoint_id" uuid,
	"capability" text NOT NULL,
	"request_id" text NOT NULL,
	"outcome" text NOT NULL,
	"source" text,
	"fallback" text,
	"reason" text,
	"message" text,
	"age_ms" bigint,
	"started_at" timestamp with time zone NOT NULL,
	"duration_ms" real NOT NULL,
	"attempts" integer NOT NULL,
	"audit" json,
	CONSTRAINT "calls_outcome" CHECK ("posthorn"."calls"."outcome" in ('ok', 'fallback', 'queued', 'failed', 'abandoned'))
) PARTITION BY RANGE ("started_at");
--> statement-breakpoint
CREATE TABLE "posthorn"."kept_answers" (
	"key" text PRIMARY KEY NOT NULL,
	"json" text NOT NULL,
	"answered_at" timestamp with time zone NOT NULL,
	"keep_until" timestamp with time zone NOT NULL
) WITH (fillfactor = 70);
--> statement-breakpoint
CREATE TABLE "posthorn"."notifications" (
	"id" uuid PRIMARY KEY NOT NULL,
	"app_id" uuid NOT NULL,
	"capability" text NOT NULL,
	"room_id" text,
	"reason" text NOT NULL,
	"strategy" text NOT NULL,
	"count" integer NOT NULL,
	"first_at" timestamp with time zone NOT NULL,
	"last_at" timestamp with time zone NOT NULL,
	"call_id" uuid NOT NULL,
	"read_at" timestamp with time zone,
	"read_by" text,
	"parts" jsonb NOT NULL
) WITH (fillfactor = 60);
--> statement-breakpoint
CREATE INDEX "approvals_app" ON "posthorn"."approvals" USING btree ("app_id","id");--> statement-breakpoint
CREATE INDEX "approvals_pending" ON "posthorn"."approvals" USING btree ("id") WHERE "posthorn"."approvals"."status" = 'pending';--> statement-breakpoint
CREATE UNIQUE INDEX "calls_id" ON "posthorn"."calls" USING btree ("id","started_at");--> statement-breakpoint
CREATE INDEX "calls_app" ON "posthorn"."calls" USING btree ("app_id","id");--> statement-breakpoint
CREATE INDEX "kept_answers_term" ON "posthorn"."kept_answers" USING btree ("keep_until");--> statement-breakpoint
CREATE INDEX "notifications_app" ON "posthorn"."notifications" USING btree ("app_id","id");--> statement-breakpoint
CREATE INDEX "notifications_room" ON "posthorn"."notifications" USING btree ("room_id","id") WHERE "posthorn"."notifications"."room_id" is not null;
--> statement-breakpoint
-- No row is rewritten, and the index is empty. Yet making it reads the attempts that are kept, while workers wait to write
-- theirs: before the endpoints are locked, so that events are taken in meanwhile.
ALTER TABLE "posthorn"."attempts" ADD COLUMN "call_id" uuid;
--> statement-breakpoint
CREATE UNIQUE INDEX "attempts_call" ON "posthorn"."attempts" USING btree ("call_id","id","started_at") WHERE "posthorn"."attempts"."call_id" is not null;
--> statement-breakpoint
ALTER TABLE "posthorn"."apps"
	ADD COLUMN "secrets" "bytea",
	ADD COLUMN "updated_at" timestamp with time zone DEFAULT now() NOT NULL;
--> statement-breakpoint
ALTER TABLE "posthorn"."endpoints"
	DROP CONSTRAINT "endpoints_origin",
	ADD CONSTRAINT "endpoints_origin" CHECK ("posthorn"."endpoints"."origin" in ('api', 'enqueue', 'manifest'));
--> statement-breakpoint
CREATE UNIQUE INDEX "endpoints_manifest_capability" ON "posthorn"."endpoints" USING btree ("app_id","capability") WHERE "posthorn"."endpoints"."origin" = 'manifest' and "posthorn"."endpoints"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "endpoints_callable" ON "posthorn"."endpoints" USING btree ("app_id","id") WHERE "posthorn"."endpoints"."capability" is not null and "posthorn"."endpoints"."deleted_at" is null;
