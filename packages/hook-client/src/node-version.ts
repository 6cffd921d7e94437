const NEEDED = [22, 19] as const
const LTS = 24

/** What to say where this Node is older than the command needs; undefined where it is not. */
export function tooOld(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])) return undefined
  return `posthorn-hook needs Node ${NEEDED.join('.')} or later; this is ${version}. Get one from https://nodejs.org, or with a version manager (nvm install ${LTS}).`
}
