import { execFile } from 'node:child_process'
import { tooOld } from '../node-version.ts'
import { type Check, fail, ok } from './check.ts'

/** The Node that runs this, and the one that hooks find in the PATH. */
export async function checkNode(env: Readonly<Record<string, string | undefined>>): Promise<Check[]> {
  const checks = [judge('node', process.versions.node, 'this Node')]
  const found = await nodeInPath(env)
  if (found === undefined) {
    const hint = 'Hooks are started as "node …": put Node into the PATH that Claude Code is started with.'
    return [...checks, fail('node', 'no node is found in the PATH', hint)]
  }
  return found === process.versions.node ? checks : [...checks, judge('node', found, 'the node in the PATH')]
}

function judge(name: string, version: string, which: string): Check {
  const complaint = tooOld(version)
  return complaint === undefined
    ? ok(name, `${which} is ${version}`)
    : fail(name, `${which} is ${version}`, `${complaint} With it, nothing is captured.`)
}

function nodeInPath(env: Readonly<Record<string, string | undefined>>): Promise<string | undefined> {
  return new Promise((resolve) => {
    const options = { env: { ...env, NODE_OPTIONS: '' }, timeout: 10_000, windowsHide: true }
    execFile('node', ['--version'], options, (error, stdout) => {
      resolve(error ? undefined : /^v(\S+)/.exec(stdout)?.[1])
    })
  })
}
