import { spawnSync } from 'node:child_process'
import { tooOld } from '../node-version.ts'
import { type Check, fail, ok } from './check.ts'

/** The Node that runs this, and the one that hooks find in the PATH. */
export function checkNode(env: Readonly<Record<string, string | undefined>>): Check[] {
  const checks = [judge('node', process.versions.node, 'this Node')]
  const found = nodeInPath(env)
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

/** Why hooks, which start the `node` of the PATH, would capture nothing; undefined where they do. */
export function complaintOfPath(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const found = nodeInPath(env)
  return found === undefined ? 'no node is found in the PATH.' : tooOld(found)
}

function nodeInPath(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const options = { env: { ...env, NODE_OPTIONS: '' }, timeout: 10_000, windowsHide: true } as const
  const { stdout } = spawnSync('node', ['--version'], { ...options, encoding: 'utf8' })
  return /^v(\S+)/.exec(stdout ?? '')?.[1]
}
