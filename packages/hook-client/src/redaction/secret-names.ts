/** What stands in place of a secret. */
export const REDACTED = '[REDACTED]'

/**
 * Names whose values are secrets, as a fragment of a regular expression. Matched at the end of a name, so
 * that `token_count` stays; `max_tokens` does for being a number.
 */
export const SECRET_NAME_PATTERN: string = [
  'secret(?:[-_]?key(?:[-_]?base)?)?s?',
  'tokens?',
  'passw(?:or)?ds?|passphrases?|passwd|pwd|[-_]pass',
  '(?:api|access|private|signing|encryption|master|account|service|session|ssh|deploy|license)[-_]?keys?',
  'credentials?',
  'authorization',
  '(?<![A-Za-z0-9])_?auth',
  'cookie',
  'connection[-_]?string',
  'key[-_]data',
].join('|')

const SECRET_NAME = new RegExp(`(?:${SECRET_NAME_PATTERN})$`, 'i')

/** Whether a field of this name holds a secret. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name)
}

/** Whether numbers in a field of this name are counts, as in `max_tokens`, and only texts are secrets. */
export function isCountName(name: string): boolean {
  return /tokens$/i.test(name)
}

const SECRET_FILE = new RegExp(
  [
    '^\\.env(?:[.*?].*)?$|\\.env$|^\\.envrc$',
    '^(?:id_(?:rsa|dsa|ecdsa|ed25519)|\\.netrc|_netrc|\\.npmrc|\\.pypirc|\\.pgpass|\\.git-credentials|\\.htpasswd)$',
    '^(?:credentials|secrets?)(?:\\.(?:json|ya?ml|toml|ini|env))?$',
    '^kubeconfig$',
    '\\.(?:pem|key|p12|pfx|jks|keystore|kdbx)$',
  ].join('|'),
  'i',
)

/** Folders whose files hold secrets, though their names are usual ones. */
const SECRET_PATH = /(?:^|[\\/])\.(?:kube|docker)[\\/]config(?:\.json)?$/i

/** Whether a file of this path, or those of a pattern such as `.env*`, are there to hold secrets. */
export function isSecretFile(path: string): boolean {
  return (
    SECRET_FILE.test(path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)) ||
    SECRET_PATH.test(path.slice(-64))
  )
}

/** What ends a word of a shell command. */
const WORD_END = /[\s'"`=;|&()<>]+/
/** Words that are more often something else than a file. */
const NO_FILE = /^(?:credentials|secrets?)$|^(?:process|meta)\.env$/i

/** Whether a shell command speaks of such a file. */
export function namesSecretFile(command: string): boolean {
  return command.split(WORD_END).some((word) => isSecretFile(word) && !NO_FILE.test(word))
}
