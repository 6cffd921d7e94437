import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { z } from 'zod'
import { type DataDirectory, dataDirectory } from './data-directory.ts'
import { isMissing } from './file-errors.ts'
import { lockHolder } from './lock.ts'

const stateSchema = z.object({
  url: z.string(),
  databaseUrl: z.string(),
  allowPrivateNetwork: z.boolean(),
})

/** What a running `posthorn dev` tells other commands. */
export type DevState = z.output<typeof stateSchema>

/** Writes it down in one step. */
export async function writeState({ stateFile }: DataDirectory, state: DevState): Promise<void> {
  const partial = `${stateFile}.${process.pid}`
  await writeFile(partial, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 })
  await rename(partial, stateFile)
}

export const removeState = ({ stateFile }: DataDirectory): Promise<void> => rm(stateFile, { force: true })

/** The server that runs on a data directory; undefined when none does. */
export async function runningDev(
  path: string,
): Promise<(DevState & { directory: DataDirectory }) | undefined> {
  const directory = dataDirectory(path)
  if ((await lockHolder(directory.lockFile)) === undefined) return undefined
  try {
    const state = stateSchema.safeParse(JSON.parse(await readFile(directory.stateFile, 'utf8')))
    return state.success ? { ...state.data, directory } : undefined
  } catch (error) {
    if (isMissing(error) || error instanceof SyntaxError) return undefined
    throw error
  }
}
