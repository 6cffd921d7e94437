export {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  freePort,
  removeCluster,
  startEmbeddedPostgres,
} from './embedded-postgres.ts'
