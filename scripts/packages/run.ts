import { execFile } from 'node:child_process'

/** What a finished command left behind. */
export interface Finished {
  code: number
  stdout: string
  stderr: string
}

/** Runs a command without a shell and resolves whatever its exit code; rejects when it cannot be started. */
export function tryRun(file: string, args: readonly string[], cwd: string): Promise<Finished> {
  return new Promise((resolve, reject) => {
    execFile(file, args, { cwd, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) return resolve({ code: 0, stdout, stderr })
      if (typeof error.code === 'number') return resolve({ code: error.code, stdout, stderr })
      reject(error)
    }).stdin?.end()
  })
}

/** Runs a command and resolves its standard output; rejects with everything it said when it fails. */
export async function run(file: string, args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await tryRun(file, args, cwd)
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} exited with ${code}\n${stdout}${stderr}`)
  return stdout
}
