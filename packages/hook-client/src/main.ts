#!/usr/bin/env node
import { captureMain } from './capture-main.ts'
import { tooOld } from './node-version.ts'

// Capture must start fast, and is all that is there at once: the rest is loaded when it is known what for. What capture
// is made of is read by older versions of Node too, to their end: nothing of it may run that they do not know.
const [action, ...rest] = process.argv.slice(2)

async function main(): Promise<number> {
  const complaint = tooOld(process.versions.node)
  if (action === 'capture') {
    if (complaint === undefined) await captureMain(rest)
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
  const code = await run(process.argv.slice(2), ownFile(process.argv[1] ?? ''))
  await Promise.all([written(process.stdout), written(process.stderr)])
  return code
}

/** To exit is to drop what a slow reader has not taken yet. */
const written = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((resolve) => stream.write('', () => resolve()))

main().then(
  (code) => process.exit(code),
  () => process.exit(action === 'capture' ? 0 : 1),
)
