import { relative } from 'node:path'
import { type DataDirectory, dataDirectory } from '../dev/data-directory.ts'
import { type DevServer, startDev } from '../dev/dev-server.ts'
import { runUntilStopped } from '../service/run-until-stopped.ts'
import type { ExitCode } from '../terminal/exit-codes.ts'
import { type Output, paint } from '../terminal/output.ts'

/** Options of `posthorn dev`. */
export interface DevCommandOptions {
  readonly port: number
  readonly host: string
  readonly dataDir: string
  readonly allowPrivateNetwork: boolean
}

/** PostgreSQL is stopped after the deliveries; it needs a moment of its own. */
const DATABASE_GRACE_MS = 10_000

/** `posthorn dev`: everything in one process on a PostgreSQL of its own, until it is stopped. */
export function dev(options: DevCommandOptions, output: Output): Promise<ExitCode> {
  return runUntilStopped(async (signal) => {
    const directory = dataDirectory(options.dataDir)
    const server = await startDev({ ...options, directory, signal })
    tell(server, options, directory, output)
    return {
      stop: () => server.stop(),
      graceMs: server.graceMs + DATABASE_GRACE_MS,
      onStopping: () =>
        output.line('\nStopping. Requests under way may end; another Ctrl-C ends it at once.'),
    }
  })
}

function tell(server: DevServer, options: DevCommandOptions, directory: DataDirectory, output: Output): void {
  const { url, adminKey, adopted: recovered } = server
  const { path: dataDir, adminKeyFile, databasePasswordFile } = directory
  const databaseUrl = withoutPassword(server.databaseUrl)
  const facts = { url, pid: process.pid, databaseUrl, databasePasswordFile, dataDir, adminKeyFile, recovered }
  output.result(
    { ...facts, ...(adminKey.isNew && { adminKey: adminKey.text }) },
    banner(server, options, directory),
  )
}

function banner(server: DevServer, options: DevCommandOptions, directory: DataDirectory): string {
  const { adminKey, cluster } = server
  const keyFile = shortest(directory.adminKeyFile)
  const lines = [
    `${paint('bold', 'Posthorn')} runs at ${paint('cyan', server.url)}`,
    '',
    adminKey.isNew
      ? `  admin key   ${adminKey.text}\n              shown this once, kept in ${keyFile}`
      : `  admin key   in ${keyFile}`,
    `  reference   ${server.url}/docs`,
    `  database    ${withoutPassword(server.databaseUrl)}`,
    `              password in ${shortest(directory.databasePasswordFile)}`,
    `  log         ${shortest(directory.logFile)}`,
    ...(server.adopted
      ? ['  recovered   the last run was killed; its PostgreSQL was still running and goes on']
      : []),
    ...(cluster.reason === undefined
      ? []
      : [`  data        ${cluster.path}`, `              ${cluster.reason}`]),
    ...(options.allowPrivateNetwork
      ? []
      : ['  network     private addresses are refused; see --allow-private-network']),
    '',
    'Publish an event:',
    '',
    paint('dim', curl(server.url, keyFile)),
    '',
    'Ctrl-C ends it.',
  ]
  return lines.join('\n')
}

function curl(url: string, keyFile: string): string {
  return [
    `  curl -sS ${url}/api/v1/events -H "authorization: Bearer $(cat ${quoted(keyFile)})" \\`,
    `    -H 'content-type: application/json' -d '{"type":"order.created","payload":{"orderId":1042}}'`,
  ].join('\n')
}

function withoutPassword(databaseUrl: string): string {
  const url = new URL(databaseUrl)
  url.password = ''
  return url.href
}

/** The path as one would type it here. */
function shortest(path: string): string {
  const near = relative(process.cwd(), path)
  return near !== '' && !near.startsWith('..') ? near : path
}

const quoted = (path: string): string =>
  /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
