#!/usr/bin/env node
import { tooOld } from './node-version.ts'

const complaint = tooOld(process.versions.node)
if (complaint !== undefined) {
  process.stderr.write(`${complaint}\n`)
  process.exit(64)
}
// A reader that goes away (`posthorn dev | head`) is no fault, and must not end a server.
process.stdout.on('error', () => undefined)
process.stderr.on('error', () => undefined)
// Only now: what the command is made of does not even load on an older Node.
const { run } = await import('./run.ts')
const code = await run(process.argv.slice(2))
// To exit is to drop what a slow reader has not taken yet.
await Promise.all([written(process.stdout), written(process.stderr)])
process.exit(code)

function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()))
}
