/** One thing that must not stand in a file of this repository. */
export interface WordRule {
  /** What is wrong with it, for whoever has to mend it. */
  reason: string
  pattern: RegExp
  /** Files that the rule looks at; without it, all but lockfiles. */
  applies?: (path: string) => boolean
}

/** A place where a rule is broken. */
export interface WordFinding {
  path: string
  line: number
  reason: string
  text: string
}

const lockfile = (path: string) => /(^|\/)(pnpm-lock\.yaml|package-lock\.json|yarn\.lock)$/.test(path)
const everywhere = () => true
const testFile = (path: string) => /\.test\.tsx?$/.test(path)

/** Joined from parts, so that this file does not break its own rules. */
const markers = ['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK']
const machinePaths = ['work', 'root', 'tmp/bash' + '_jobs']

/** The rules that need to know nothing about the machine they run on. */
export const wordRules: readonly WordRule[] = [
  {
    reason: 'a path of one machine',
    pattern: new RegExp(`(?<![\\w.-])/(?:${machinePaths.join('|')})(?:/|\\.)`),
    applies: everywhere,
  },
  {
    reason: 'the lockfile names the address a package was fetched from',
    pattern: /\b(?:resolved|tarball|registry)['"]?\s*:\s*['"]?https?:/,
    applies: lockfile,
  },
  {
    reason: 'a package registry is named; the reader has configured one',
    pattern: /\bregistry\.[\w-]+\.(?:org|com|io|dev|net)\b/,
    applies: everywhere,
  },
  {
    reason: 'an unfinished thought: finish it or open an issue',
    pattern: new RegExp(`\\b(?:${markers.join('|')})\\b`),
  },
  {
    reason: 'a test is switched off, or switches the others off',
    pattern: new RegExp(
      `\\b(?:it|test|describe|suite|bench)(?:\\.\\w+)*\\.(?:${['on' + 'ly', 'sk' + 'ip', 'to' + 'do'].join('|')})\\b`,
    ),
    applies: testFile,
  },
]

/** A rule against the host of the registry that this machine happens to use; loopback needs its port. */
export function registryRule(registry: string): WordRule | undefined {
  if (!URL.canParse(registry)) return undefined
  const { host, port, hostname } = new URL(registry)
  if (port === '' && /^(?:localhost|127\.|\[)/.test(hostname)) return undefined
  return {
    reason: 'the package registry of one machine',
    pattern: new RegExp(host.replaceAll(/[^\w-]/g, '\\$&')),
    applies: everywhere,
  }
}

/** Every line of a text that breaks a rule. Text with a NUL byte is binary and has no words. */
export function findWords(path: string, text: string, rules: readonly WordRule[]): WordFinding[] {
  if (text.includes('\0')) return []
  const active = rules.filter(({ applies }) => applies?.(path) ?? !lockfile(path))
  return text
    .split('\n')
    .flatMap((line, i) =>
      active
        .filter(({ pattern }) => pattern.test(line))
        .map(({ reason }) => ({ path, line: i + 1, reason, text: line.trim().slice(0, 120) })),
    )
}
