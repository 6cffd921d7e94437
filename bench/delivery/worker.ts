import { join } from 'node:path'
import { type Child, startChild } from '../machine/children.ts'
import type { Scene, WorkerConfig } from './contender.ts'
import type { Entry } from './contenders/index.ts'

const READY_MS = 30_000

/** Starts the worker process of an entry and waits until it is connected, but does not let it work yet. */
export async function openWorkerProcess(
  entry: Entry,
  scene: Scene,
  origin: string,
  total: number,
): Promise<Child> {
  const config: WorkerConfig = { ...scene, contender: entry.contender, mode: entry.mode, origin, total }
  const worker = await startChild(join(import.meta.dirname, 'worker-process.ts'), config)
  try {
    await worker.receive('ready', READY_MS)
    return worker
  } catch (error) {
    await worker.stop()
    throw error
  }
}
