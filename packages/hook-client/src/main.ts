#!/usr/bin/env node
import { tooOld } from './node-version.ts'

// Everything else is loaded when it is known what for: capture must start fast, and an older Node must not even read it.
const [action, ...rest] = process.argv.slice(2)

async function main(): Promise<number> {
  const complaint = tooOld(process.versions.node)
  if (action === 'capture') {
    if (complaint === undefined) await (await import('./capture-main.ts')).captureMain(rest)
    return 0
  }
  if (complaint !== undefined) {
    process.stderr.write(`error: ${complaint}\n`)
    return 64
  }
  if (action === 'sender') return (await import('./sender-main.ts')).senderMain()
  // A reader that goes away (`posthorn-hook logs | head`) is no fault.
  process.stdout.on('error', () => undefined)
  process.stderr.on('error', () => undefined)
  const { run } = await import('./run.ts')
  const { ownFile } = await import('./own-file.ts')
  return run(process.argv.slice(2), ownFile(process.argv[1] ?? ''))
}

main().then(
  (code) => process.exit(code),
  () => process.exit(action === 'capture' ? 0 : 1),
)
