import { escapePattern } from './escape-pattern.ts'
import { isSecretFile, REDACTED, SECRET_NAME_PATTERN } from './secret-names.ts'
import { redactAssignments, redactWritingLine, writesFile } from './shell-writes.ts'

/**
 * Every quantifier is bounded or over a class that its neighbours exclude, so that no text takes more
 * than linear time.
 */

/** The start of a word, also behind an escape such as `\n`, a colour such as `ESC[32m`, or `%3D`. */
const START = String.raw`(?:(?<![A-Za-z0-9])|(?<=\\[bfnrt]|\\u[0-9a-fA-F]{4}|\[[\d;]{0,16}m|%[0-9a-fA-F]{2}))`

/** Credentials that can be told by their own shape. */
const TOKENS = new RegExp(
  [
    String.raw`-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)`,
    // Nothing else has these in it, so that it does not matter what stands before them.
    String.raw`gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|sk-ant-[\w-]{20,}|xox[abeoprs]-[\w-]{10,}`,
    ...[
      String.raw`phk_[A-Za-z0-9-]{4,64}_[\w-]{8,}`,
      String.raw`gl(?:pat|ptt|dt|rt|cbt)-[\w-]{16,}`,
      String.raw`sk-(?:proj-|svcacct-|or-v1-)?[A-Za-z0-9][\w-]{19,}`,
      '[rsp]k_(?:live|test)_[A-Za-z0-9]{10,}',
      String.raw`xapp-[\w-]{10,}`,
      String.raw`npm_[A-Za-z0-9]{30,}|pypi-[\w-]{40,}|hf_[A-Za-z0-9]{30,}`,
      'do[oprt]_v1_[a-f0-9]{40,}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{24,}',
      'whs(?:ec|k)_[A-Za-z0-9+/=_-]{20,}',
      '(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Z0-9])',
      String.raw`AIza[\w-]{35}|ya29\.[\w-]{20,}`,
      String.raw`SG\.[\w-]{16,64}\.[\w-]{16,}`,
      String.raw`\d{8,10}:AA[\w-]{33}`,
      'age-secret-key-1[a-z0-9]{40,}|AGE-SECRET-KEY-1[A-Z0-9]{40,}',
    ].map((token) => `${START}(?:${token})`),
    String.raw`(?<=hooks\.slack\.com/services/)[\w/]{20,}`,
    String.raw`(?<=discord(?:app)?\.com/api/webhooks/)[\w/-]{20,}`,
  ].join('|'),
  'g',
)

/** The whole run is taken, whether or not it is a token, so that no other search starts within it. */
const JWT = /eyJ[\w-]{10,}(\.eyJ[\w-]{10,}\.[\w-]*)?/g

/** `Authorization: Bearer …` and its kin, as headers, in JSON, in code and on command lines. */
const AUTHORIZATION =
  /(authorization\\{0,3}["']?\s{0,8}[:=]\s{0,8}\\{0,3}["'`]?)((?:bearer|basic|token|digest|negotiate|apikey|aws4-hmac-sha256)\s{1,8})?([^\s"'`\\]+(?:, ?\w{1,40}=[^\s"'`\\]{1,2048}){0,20})/gi
const BEARER = /\b(bearer\s{1,4})(?=[^\s"'`]{0,64}\d)[A-Za-z0-9._~+/=-]{16,}/gi
const COOKIE = /\b((?:set-)?cookie\s{0,4}:\s{0,4})[^\r\n"'`]+/gi

/** `scheme://user:password@host`; the password may have `@` or `/` in it, but a port and a path are none. */
const URL_PASSWORD =
  /\b([a-z][a-z0-9+.-]{1,20}:\/\/[^\s/:@"'`<>]{0,200}:)(?:[^\s/"'`<>]{1,400}|(?!\d{1,5}[/?#])[^\s@"'`<>]{1,400})(?=@)/gi
/** `https://token@host`; a user's name is shorter or has no digit. */
const URL_TOKEN = /\b(https?:\/\/)(?=[^\s/:@"'`<>?#]{0,400}\d)[^\s/:@"'`<>?#]{12,400}(?=@)/gi
/** `curl -u user:password`, `curl -sSLu user:password`, `curl -U user:password` */
const USER_OPTION =
  /(\s(?:-[A-Za-z]{0,12}[uU][ =]?|--user[ =]|--proxy-user[ =])["']?[^\s:"']{1,200}:)[^\s"']{1,400}/g
/** `curl -b session=secret` */
const COOKIE_OPTION =
  /\b(curl[ \t](?:[^\r\n|;&]{0,400}?[ \t])?(?:-[A-Za-z]{0,12}b|--cookie)[ \t=]{0,4})(?:(["'])[^"'\r\n=]{1,200}=[^"'\r\n]{1,4000}|[^\s"'=]{1,200}=[^\s"']{1,4000})/g
/** `openssl … -passin pass:secret` */
const PASS_OPTION = /([ \t]-pass(?:in|out)?[ \t]{1,4}["']?pass:)[^\s"']{1,400}/g
/** `aws configure set aws_secret_access_key secret` */
const AWS_SETTING =
  /\b(aws[ \t]{1,4}configure[ \t]{1,4}set[ \t]{1,4}[\w.-]{0,80}(?:secret|token|key)[\w.-]{0,80}[ \t]{1,4}["']?)[^\s"']{1,400}/g
/** `mysql -psecret`, `sshpass -p secret`, `docker login -p secret`, `redis-cli -a secret` */
const PASSWORD_OPTION =
  /\b((?:(?:redis|valkey|keydb)-cli(?:[ \t][^\r\n|;&]{0,200}?)?[ \t](?:-a|--pass)[ \t]{1,4}|(?:mysql|mariadb)[\w-]{0,10}(?:[ \t][^\r\n|;&]{0,200}?)?[ \t]-p|(?:sshpass|(?:docker|podman|helm|registry)[ \t]login)(?:[ \t][^\r\n|;&]{0,200}?)?[ \t]-p[ \t=]{0,4})["']?)(?![\s"'$])[^\s"']{1,400}/g

/** What comes before the word, such as `GITHUB_` in `GITHUB_TOKEN`, need not be matched to stay. */
const NAME = `(${SECRET_NAME_PATTERN})`
/** What joins a name and a value: as an assignment, or as the `name` and the `value` of a header. */
const JOIN = String.raw`\\{0,3}["']?(?:\]?\s{0,8}(?::|=>?|:=)|\s{0,8},\s{0,8}\\{0,3}["']value\\{0,3}["']\s{0,8}:)\s{0,8}`
/** So much of a quoted value is matched at once: a loop over two kinds of characters keeps a trail of its steps. */
const STRETCH = 4_096
/** `password = "…"`, `"apiKey": "…"`; other quotes and escaped ones are part of the value. */
const QUOTED = new RegExp(
  String.raw`${NAME}(${JOIN})(["'\`])((?:\\[^\r\n]|(?!\3)[^\\\r\n]){3,${STRETCH}})`,
  'gi',
)
/** The same where the quotes around it are escaped, as in JSON in a JSON text. */
const QUOTED_ESCAPED = new RegExp(
  String.raw`${NAME}(${JOIN})(\\{1,3}["'\`])((?:(?!\3)(?:\\{2,3}[^\\\r\n]|[^\r\n])){3,${STRETCH}})`,
  'gi',
)
/** More of a quoted value, behind what was matched. */
const moreQuoted = (quote: string) =>
  new RegExp(String.raw`(?:\\[^\r\n]|(?!${quote})[^\\\r\n]){1,${STRETCH}}`, 'y')
const moreQuotedEscaped = (quote: string) =>
  new RegExp(String.raw`(?:(?!${escapePattern(quote)})(?:\\{2,3}[^\\\r\n]|[^\r\n])){1,${STRETCH}}`, 'y')
/** `"pin_token": 123456` */
const NUMBER = new RegExp(String.raw`${NAME}(\\{0,3}["']\s{0,8}:\s{0,8})(\d{3,400})(?![\w.])`, 'gi')
/** `TOKEN=…` in a shell, an ini file, a query. */
const ASSIGNED = new RegExp(String.raw`${NAME}(=)(?![=>\s"'\`([{<])([^\s"'\`&;,)\]}]{3,})`, 'gi')
/** `--password secret` */
const OPTION = new RegExp(
  String.raw`(?<![\w-])--(?!no-)[\w-]{0,40}?${NAME}([ \t]{1,4}["']?)(?![-\s"'\`([{<|&;])([^\s"'\`]{3,})`,
  'gi',
)
/** `gh secret set NAME --body secret`, `echo secret | sudo -S` */
const GIVEN_ON =
  /\b(gh[ \t]{1,4}secret[ \t]{1,4}set[ \t](?:[^\r\n|;&]{0,200}?[ \t])?(?:-b|--body)[ \t=]{1,4}["']?)[^\s"']{1,400}|\b(echo[ \t]{1,4}(?:-\w{1,4}[ \t]{1,4})?["']?)[^\s"'|]{1,400}(?=["']?[ \t]{0,8}\|[ \t]{0,8}sudo[ \t])/g
/** `setx API_KEY secret` of Windows, `set -gx API_KEY secret` of fish */
const SET_VARIABLE = new RegExp(
  String.raw`${NAME}(?<=\b(?:setx|set[ \t]{1,4}-[a-zA-Z]{1,8})[ \t]{1,4}\w{1,80})([ \t]{1,4}["']?)([^\s"']{3,})`,
  'gi',
)
/** `-H 'X-Api-Key: secret'` */
const HEADER = new RegExp(
  String.raw`${NAME}(?<=\s(?:-H|--header)[ \t=]{0,4}\\{0,3}["'][\w-]{1,80})(?!:[ \t]{0,4}(?:\w{1,40} )?\[REDACTED\])(:[ \t]{0,4})([^"'\r\n\\]{3,})`,
  'gi',
)
/** `password: hunter2` or `password = hunter2` on a line of its own; a type's name has no digit. */
const COLON = new RegExp(
  String.raw`${NAME}(?<=^[ \t]{0,40}(?:- )?[\w.-]{1,80})(: {1,8}|[ \t]{1,4}= {0,4})(?=\S{0,200}\d)(?![\w.]{0,200}[([])([^\s"'\`]{4,})(?=[ \t]*$)`,
  'gim',
)

/** A command of HTTPie, or of its kin. */
const HTTPIE = /\b(?:https?|xhs?)[ \t]{1,8}[^\r\n|;&]+/g
/** In it `X-Api-Key:secret`, `Authorization:"Bearer secret"`, `token==secret`, `password:='"secret"'`. */
const HTTPIE_ITEM = new RegExp(
  String.raw`${NAME}(:=?|==?)(?:([ \t]{0,4}\\{0,3}["']{1,2})(?!\s)([^"'\r\n]+)|((?:\\[^\r\n]|[^\s"'\\])[^\s"'\\]*(?:\\[^\r\n][^\s"'\\]*){0,2000}))`,
  'gi',
)
/** In it `'X-Api-Key: secret'` */
const HTTPIE_QUOTED = new RegExp(String.raw`${NAME}(?<=["'][\w-]{1,80})(:[ \t]{0,4})([^\r\n"']+)`, 'gi')
/** In it `-a user:password`, `--auth token` */
const HTTPIE_AUTH = /([ \t](?:-a|--auth)[ \t=]{1,4}\\{0,3}["']?(?:[^\s"':\\]{1,200}:)?)[^\s"'\\]{1,400}/g

/** A line of `.netrc` */
const NETRC = /\b(login\s{1,8}\S{1,200}\s{1,8}password\s{1,8})\S{1,400}/g
/** A line of a file as `grep` prints it: `config/.env:3:NAME=…` */
const FOUND_LINE = /^([^\s:=]{1,400}?)(:\d{1,7}:|-\d{1,7}-|:)([^\r\n]*)/gm
const SECRET_FILE_HINT =
  /\.env|env[:-]|credential|secret|netrc|npmrc|pypirc|pgpass|htpasswd|id_|kube|docker|\.(?:pem|key)/i

const KEY_END = /-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g
const KEY_CHARACTER = /[A-Za-z0-9+/=\r\n\\]/

/** A private key whose beginning is not there, as `tail` prints it. */
function redactKeyEnds(text: string): string {
  let result = ''
  let from = 0
  for (const { 0: end, index } of text.matchAll(KEY_END)) {
    let start = index
    while (start > from && KEY_CHARACTER.test(text[start - 1] ?? '')) start -= 1
    result += text.slice(from, start) + REDACTED
    from = index + end.length
  }
  return result + text.slice(from)
}

function redactFoundLines(text: string): string {
  if (!SECRET_FILE_HINT.test(text)) return text
  return text.replace(FOUND_LINE, (whole: string, path: string, join: string, line: string) =>
    // Without a line's number it may as well be a setting: `app.key: value`.
    (join !== ':' || /^\.env|\//.test(path)) && isSecretFile(path)
      ? path + join + redactSecretFile(line, false)
      : whole,
  )
}

/** What could be a value that is written elsewhere: `${NAME}`, `<your key>`, `process.env.KEY`. */
const PLACEHOLDER =
  /^(?:\$(?:[{(]|[A-Z_][A-Z0-9_]*(?![A-Za-z0-9])|[a-z_]+(?=$|[)}>.,;/-]))|<|\{\{|%|process\.env|os\.environ|env\.|\*+$|[xX]{3,}$|\.{3}|\[REDACTED\])/

/** A count of tokens, such as `max_tokens: 4096`, is no secret. */
const COUNT = /^\d[\d_.,]*$/

/** Each of the patterns matches name, what joins it to its value, perhaps a quote, and the value. */
const keepName =
  (groups: 3 | 4) =>
  (...match: string[]): string => {
    const value = match[groups] ?? ''
    const whole = match[0] ?? ''
    const isCount = COUNT.test(value) && /tokens$/i.test(match[1] ?? '')
    return isCount || PLACEHOLDER.test(value) ? whole : whole.slice(0, whole.length - value.length) + REDACTED
  }

/** Replaces quoted values of any length. Each stretch of them is looked at once, so in linear time. */
function replaceQuoted(text: string, pattern: RegExp, moreOf: (quote: string) => RegExp): string {
  let result = ''
  let from = 0
  pattern.lastIndex = 0
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    let end = pattern.lastIndex
    const value = match[4] ?? ''
    if (value.length >= STRETCH) {
      const more = moreOf(match[3] ?? '')
      more.lastIndex = end
      while (more.test(text)) end = more.lastIndex
    }
    const kept = keepName(4)(...match)
    // What is no secret stays whole.
    result += text.slice(from, match.index) + (kept === match[0] ? text.slice(match.index, end) : kept)
    from = end
    pattern.lastIndex = end
  }
  return result + text.slice(from)
}

function redactHttpie(command: string): string {
  return command
    .replace(HTTPIE_AUTH, `$1${REDACTED}`)
    .replace(HTTPIE_QUOTED, keepName(3))
    .replace(HTTPIE_ITEM, (...match: string[]) =>
      keepName(4)(...match.slice(0, 4), match[4] ?? match[5] ?? ''),
    )
}

/**
 * A part of each pattern above: a text without any of them has nothing to find. Most texts have none, and
 * compiling all patterns costs a capture more than writing its event.
 */
const SUSPICIOUS =
  /secret|token|passw|passphrase|pwd|key|credential|auth|bearer|cookie|connection|@|-[a-z]{0,12}u|user[ =]| -a |curl |sudo|_pass|-pass|-cli|mysql|mariadb|login|\.env|env[:-]|netrc|npmrc|pypirc|id_|kube|docker|\.pem|phk_|gh[pousr]_|github_pat|gl(?:pat|ptt|dt|rt|cbt)-|sk-|_(?:live|test|v1)_|xox|xapp|npm_|pypi-|hf_|shp(?:at|ca|pa|ss)|whs(?:ec|k)|akia|asia|abia|acca|aiza|ya29|sg\.|eyj|:aa|slack|discord/i

/** The text with `[REDACTED]` in place of what looks like a secret. */
export function redactText(text: string): string {
  if (text.length < 8 || !SUSPICIOUS.test(text)) return text
  const shaped = redactFoundLines(redactKeyEnds(text.replace(TOKENS, REDACTED)))
  const unquoted = shaped
    .replace(JWT, (run: string, rest: string | undefined) => (rest === undefined ? run : REDACTED))
    .replace(HTTPIE, redactHttpie)
    .replace(AUTHORIZATION, (_, name: string, scheme: string | undefined) => name + (scheme ?? '') + REDACTED)
    .replace(BEARER, `$1${REDACTED}`)
    .replace(COOKIE, `$1${REDACTED}`)
    .replace(URL_PASSWORD, `$1${REDACTED}`)
    .replace(URL_TOKEN, `$1${REDACTED}`)
    .replace(USER_OPTION, `$1${REDACTED}`)
    .replace(
      COOKIE_OPTION,
      (_, option: string, quote: string | undefined) => option + (quote ?? '') + REDACTED,
    )
    .replace(PASS_OPTION, `$1${REDACTED}`)
    .replace(AWS_SETTING, `$1${REDACTED}`)
    .replace(
      GIVEN_ON,
      (_, set: string | undefined, echo: string | undefined) => (set ?? echo ?? '') + REDACTED,
    )
    .replace(PASSWORD_OPTION, `$1${REDACTED}`)
  return replaceQuoted(replaceQuoted(unquoted, QUOTED, moreQuoted), QUOTED_ESCAPED, moreQuotedEscaped)
    .replace(NUMBER, keepName(3))
    .replace(HEADER, keepName(3))
    .replace(OPTION, keepName(3))
    .replace(SET_VARIABLE, keepName(3))
    .replace(ASSIGNED, keepName(3))
    .replace(COLON, keepName(3))
    .replace(NETRC, `$1${REDACTED}`)
}

/** A line as `cat -n` or a file tool numbers it, then `NAME=`. */
const ASSIGNMENT =
  /^(\s{0,40}(?:\d{1,7}[\u2192\t:|]\s{0,4})?(?:export\s+|[-+]\s?)?[A-Za-z_][\w.-]{0,128}\s{0,4}[=:])(.*)$/
const COMMENT_OR_BLANK = /^\s*(?:\d{1,7}[\u2192\t:|]\s*)?(?:#.*)?$/

/** A password in `.netrc`, a line of a key. */
const LOOSE_SECRET = /^(\s{0,40}(?:password|passwd)\s{1,8})\S.*$|^\s{0,40}[A-Za-z0-9+/=]{40,}\s*$/
/** `<<EOF`, after which a command has the text of a file. */
const HEREDOC = /<<[-~]?\s{0,4}["'\\]?\w/

/** A command that names such a file: what it assigns after `<<EOF`, and what it writes there itself. */
export function redactCommand(command: string): string {
  const redactHead = writesFile(command) ? redactAssignments : (text: string) => text
  const start = HEREDOC.exec(command)?.index
  if (start === undefined) return redactHead(command)
  const rest = redactSecretFile(command.slice(start), true)
  return redactHead(command.slice(0, start)) + rest.split('\n').map(redactWritingLine).join('\n')
}

/**
 * The text of a file that is there to hold secrets: the names of its assignments and its comments stay.
 * With `assignmentsOnly`, for what a command printed, lines of other kinds stay too.
 */
export function redactSecretFile(text: string, assignmentsOnly: boolean): string {
  return text
    .split('\n')
    .map((line) => {
      const assignment = ASSIGNMENT.exec(line)
      if (assignment) return (assignment[2] ?? '').trim() === '' ? line : `${assignment[1]}${REDACTED}`
      if (assignmentsOnly) return line.replace(LOOSE_SECRET, `$1${REDACTED}`)
      return COMMENT_OR_BLANK.test(line) ? line : REDACTED
    })
    .join('\n')
}
