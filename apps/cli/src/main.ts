#!/usr/bin/env node
import { run } from './run.ts'

// A reader that goes away (`posthorn dev | head`) is no fault, and must not end a server.
process.stdout.on('error', () => undefined)
process.exit(await run(process.argv.slice(2)))
