import { sql } from 'drizzle-orm'
import { check, index, integer, json, jsonb, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { bytes, instant, posthorn } from './namespace.ts'

/** Tenants. The row of {@link DEFAULT_APP_ID} exists from the first migration, so a single-tenant user never names one. */
export const apps = posthorn.table('apps', {
  id: uuid('id').primaryKey(),
  name: text('name').notNull(),
  contacts: jsonb('contacts').$type<string[]>().notNull().default([]),
  /** sealed JSON list of `{ secret, expiresAt }`, newest first; null until one is needed */
  secrets: bytes('secrets'),
  createdAt: instant('created_at').notNull().defaultNow(),
  updatedAt: instant('updated_at').notNull().defaultNow(),
  deletedAt: instant('deleted_at'),
})

/** The app that is meant where none is named. */
export const DEFAULT_APP_ID = '00000000-0000-7000-8000-000000000001'

/**
 * What apps say they can be asked: every version that was put, the highest is in force. `json`, not `jsonb`: the order of
 * capabilities and the digits of numbers stay as they were written.
 */
export const manifests = posthorn.table(
  'manifests',
  {
    appId: uuid('app_id').notNull(),
    version: integer('version').notNull(),
    manifest: json('manifest').$type<unknown>().notNull(),
    healthUrl: text('health_url'),
    createdAt: instant('created_at').notNull().defaultNow(),
    createdBy: text('created_by'),
  },
  (t) => [primaryKey({ columns: [t.appId, t.version] })],
)

/** What a key may do, from least to most: each role may do what the roles before it may, `ingest` stands apart. */
export const KEY_ROLES = ['ingest', 'read', 'operator', 'admin'] as const
export type KeyRole = (typeof KEY_ROLES)[number]

/** API keys `phk_<id>_<secret>`. Only the SHA-256 of the secret is kept; the secret has 256 random bits, so no slow hash is needed. */
export const apiKeys = posthorn.table(
  'api_keys',
  {
    id: uuid('id').primaryKey(),
    /** null: the key belongs to the platform and may name any app */
    appId: uuid('app_id'),
    name: text('name').notNull(),
    role: text('role').$type<KeyRole>().notNull(),
    secretHash: bytes('secret_hash').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
    expiresAt: instant('expires_at'),
    revokedAt: instant('revoked_at'),
    lastUsedAt: instant('last_used_at'),
  },
  (t) => [
    index('api_keys_app').on(t.appId),
    check('api_keys_role', sql`${t.role} in ('ingest', 'read', 'operator', 'admin')`),
  ],
)
