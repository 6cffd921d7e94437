import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import { startProgram } from '../machine/children.ts'
import { track } from '../machine/cleanup.ts'
import { waitUntil } from '../machine/deadline.ts'
import { freePort } from '../machine/postgres.ts'
import type { Sink } from './sink.ts'

/** nginx with `return 200`, counted through stub_status; undefined when nginx or that module is missing. */
export async function startNginxSink(): Promise<Sink | undefined> {
  const version = spawnSync('nginx', ['-V'], { encoding: 'utf8' })
  if (version.error !== undefined || !version.stderr.includes('http_stub_status_module')) return undefined
  const directory = mkdtempSync(join(tmpdir(), 'posthorn-bench-nginx-'))
  const remove = () => rmSync(directory, { recursive: true, force: true })
  const releaseDirectory = track({ close: async () => remove(), kill: remove })
  const [port, statusPort] = [await freePort(), await freePort()]
  writeFileSync(join(directory, 'nginx.conf'), configuration(directory, port, statusPort))
  const nginx = startProgram('nginx', [
    '-p',
    directory,
    '-e',
    join(directory, 'error.log'),
    '-c',
    join(directory, 'nginx.conf'),
  ])

  // stub_status counts every request of the server, its own included.
  let ownRequests = 0
  let base = 0
  const total = async (): Promise<number> => {
    const answer = await request(`http://127.0.0.1:${statusPort}/`)
    const numbers = /^ (\d+) (\d+) (\d+)/m.exec(await answer.body.text())
    ownRequests++
    return Number(numbers?.[3]) - ownRequests
  }
  await waitUntil(() => total().then(Number.isFinite, () => false), {
    intervalMs: 50,
    timeoutMs: 5_000,
    what: () => `starting nginx: ${nginx.stderr()}`,
  })
  base = await total()
  return {
    origin: `http://127.0.0.1:${port}`,
    description: `nginx \`return 200\` (${nginxVersion()}), one process`,
    count: async () => (await total()) - base,
    reset: async () => {
      base = await total()
    },
    async stop() {
      await nginx.stop()
      await releaseDirectory()
    },
  }
}

function nginxVersion(): string {
  return execFileSync('sh', ['-c', 'nginx -v 2>&1'], { encoding: 'utf8' }).trim().split('/').at(-1) ?? ''
}

function configuration(directory: string, port: number, statusPort: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${directory}/${kind};`)
    .join('\n  ')
  return `daemon off;
master_process off;
pid ${directory}/nginx.pid;
events { worker_connections 2048; }
http {
  access_log off;
  ${temporary}
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
  client_body_buffer_size 64k;
  server { listen 127.0.0.1:${port}; location / { return 200; } }
  server { listen 127.0.0.1:${statusPort}; location / { stub_status; } }
}
`
}
