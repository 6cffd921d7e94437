/** A started HTTP server that takes events. */
export interface IngestServer {
  pid: number
  port: number
  path: string
  headers: Record<string, string>
  /** Counts the events on disk; undefined for a server without a database. */
  rowsQuery: string | undefined
  stop(): Promise<void>
}
