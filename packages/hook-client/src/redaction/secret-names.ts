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
    '^\\.env(?:\\..*)?$|\\.env$|^\\.envrc$',
    '^(?:id_(?:rsa|dsa|ecdsa|ed25519)|\\.netrc|_netrc|\\.npmrc|\\.pypirc|\\.pgpass|\\.git-credentials|\\.htpasswd)$',
    '^(?:credentials|secrets?)(?:\\.(?:json|ya?ml|toml|ini|env))?$',
    '\\.(?:pem|key|p12|pfx|jks|keystore|kdbx)$',
  ].join('|'),
  'i',
)

/** Whether a file of this path is there to hold secrets, such as `.env`. */
export function isSecretFile(path: string): boolean {
  return SECRET_FILE.test(path.split(/[\\/]/).at(-1) ?? '')
}

const SECRET_FILE_IN_COMMAND =
  /(?:^|[\s/'"=<>(])(?:\.env(?:rc|\.[\w-]+)?|\.netrc|\.npmrc|\.pgpass|\.git-credentials)(?=$|[\s'";|&)<>])/

/** Whether a shell command speaks of such a file. */
export function namesSecretFile(command: string): boolean {
  return SECRET_FILE_IN_COMMAND.test(command)
}
