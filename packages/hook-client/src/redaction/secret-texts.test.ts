import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { REDACTED } from './secret-names.ts'
import { redactCommand, redactSecretFile, redactText } from './secret-texts.ts'

// Put together here, so that no scanner takes this file for a leak.
const secret = (...parts: string[]) => parts.join('')
const alnum = 'Ab3dEf6hIj9lMn2pQr5tUv8xYz1BcD4fGh7j'

const shaped: Record<string, string> = {
  'Posthorn key': secret('phk', '_01a2b3c4_', alnum),
  'GitHub token': secret('ghp', '_', alnum),
  'GitHub fine-grained token': secret('github', '_pat_', alnum),
  'GitLab token': secret('glpat', '-', alnum.slice(0, 20)),
  'Anthropic key': secret('sk-ant-', 'api03-', alnum),
  'OpenAI key': secret('sk-', 'proj-', alnum),
  'Stripe key': secret('sk', '_live_', alnum),
  'Slack token': secret('xoxb', '-123456789012-', alnum),
  'npm token': secret('npm', '_', alnum),
  'AWS key id': secret('AKIA', 'ABCDEFGHIJ234567'),
  'Google key': secret('AIza', alnum.slice(0, 35)),
  JWT: secret('eyJhbGciOiJIUzI1NiJ9', '.', 'eyJzdWIiOiIxMjM0NTY3ODkwIn0', '.', alnum),
  'webhook secret': secret('whsec', '_', alnum),
  'private key': secret(
    '-----BEGIN RSA ',
    'PRIVATE KEY-----\nMIIEow',
    alnum,
    '\n-----END RSA PRIVATE KEY-----',
  ),
  'private key that breaks off': secret('-----BEGIN ', 'PRIVATE KEY-----\nMIIEow', alnum),
}

describe('what is a secret by its shape', () => {
  it.each(Object.entries(shaped))('%s', (_name, token) => {
    expect(redactText(`before ${token}`)).toBe(`before ${REDACTED}`)
    expect(redactText(`{"x":"${token}"}`)).not.toContain(alnum.slice(0, 16))
  })

  it.each(Object.entries(shaped))('%s behind an escape, a colour, an encoded character', (_name, token) => {
    for (const before of [
      'a\\n',
      'a\\u000a',
      '\u001b[32m',
      '\u001b[1;31m',
      '\\u001b[0m',
      'key%3D',
      'key%3d',
    ]) {
      expect(redactText(before + token)).toBe(before + REDACTED)
    }
  })

  it('needs no start of a word when nothing else has it in it', () => {
    for (const name of ['GitHub token', 'GitHub fine-grained token', 'Anthropic key', 'Slack token', 'JWT']) {
      expect(redactText(`x${shaped[name]}`)).toBe(`x${REDACTED}`)
    }
  })
})

describe('what is a secret by its name', () => {
  it.each([
    ['Authorization: Bearer abc.def-ghi', 'Authorization: Bearer [REDACTED]'],
    ['authorization: Basic dXNlcjpwYXNz', 'authorization: Basic [REDACTED]'],
    [`curl -H "Authorization: token abcdef123" u`, `curl -H "Authorization: token [REDACTED]" u`],
    ['{"Authorization":"Bearer abcdef"}', '{"Authorization":"[REDACTED]"}'],
    ['send bearer abcdefghij1234567890 on', 'send bearer [REDACTED] on'],
    ['Cookie: sid=abc; other=def\nnext', 'Cookie: [REDACTED]\nnext'],
    ['export GITHUB_TOKEN=abc123', 'export GITHUB_TOKEN=[REDACTED]'],
    ['AWS_SECRET_ACCESS_KEY=abc/def+ghi', 'AWS_SECRET_ACCESS_KEY=[REDACTED]'],
    [`const apiKey = 'abcdef'`, `const apiKey = '[REDACTED]'`],
    ['"dbPassword": "hunter2"', '"dbPassword": "[REDACTED]"'],
    ['{\\"password\\": \\"hunter2\\"}', '{\\"password\\": \\"[REDACTED]\\"}'],
    ['password: hunter2\nuser: me', 'password: [REDACTED]\nuser: me'],
    ['https://api.example.com/?token=abcdef&page=2', 'https://api.example.com/?token=[REDACTED]&page=2'],
    ['postgres://app:s3cret@db.example.com/app', 'postgres://app:[REDACTED]@db.example.com/app'],
    ['curl -u admin:s3cret https://example.com', 'curl -u admin:[REDACTED] https://example.com'],
    ['//npm.example.com/:_authToken=abcdef', '//npm.example.com/:_authToken=[REDACTED]'],
    [`curl -H 'X-Api-Key: abcdef' u`, `curl -H 'X-Api-Key: [REDACTED]' u`],
    ['curl --header "PRIVATE-TOKEN: abcdef" u', 'curl --header "PRIVATE-TOKEN: [REDACTED]" u'],
    ['app --password hunter --user me', 'app --password [REDACTED] --user me'],
    [`app --api-token 'hunter' x`, `app --api-token '[REDACTED]' x`],
    ['mysql -u root -phunter db', 'mysql -u root -p[REDACTED] db'],
    ['mysqldump -phunter db', 'mysqldump -p[REDACTED] db'],
    ['sshpass -p hunter ssh me@host', 'sshpass -p [REDACTED] ssh me@host'],
    [`docker login -u me -p 'hunter' r.io`, `docker login -u me -p '[REDACTED]' r.io`],
    ['redis-cli -h cache -a hunter ping', 'redis-cli -h cache -a [REDACTED] ping'],
    [`redis-cli --user me --pass 'hunter' ping`, `redis-cli --user me --pass '[REDACTED]' ping`],
    ['valkey-cli -a hunter', 'valkey-cli -a [REDACTED]'],
    ['http POST h.io X-Api-Key:abcdef a=b', 'http POST h.io X-Api-Key:[REDACTED] a=b'],
    [`http h.io 'X-Api-Key: abc def' a=b`, `http h.io 'X-Api-Key: [REDACTED]' a=b`],
    [`http h.io X-Api-Key:'abc def' a=b`, `http h.io X-Api-Key:'[REDACTED]' a=b`],
    ['http h.io Authorization:abcdef', 'http h.io Authorization:[REDACTED]'],
    ['http h.io Authorization:Bearer\\ abcdef a=b', 'http h.io Authorization:[REDACTED] a=b'],
    [`http h.io 'Authorization:Bearer abcdef' a=b`, `http h.io 'Authorization:[REDACTED]' a=b`],
    ['https -v PUT h.io token==abcdef a=b', 'https -v PUT h.io token==[REDACTED] a=b'],
    [
      `xh h.io PRIVATE-TOKEN:abc password:='"hunter"'`,
      `xh h.io PRIVATE-TOKEN:[REDACTED] password:='[REDACTED]'`,
    ],
    ['curl -uadmin:hunter u', 'curl -uadmin:[REDACTED] u'],
    ['curl -sSfLu admin:hunter u', 'curl -sSfLu admin:[REDACTED] u'],
    ['curl -U me:hunter u', 'curl -U me:[REDACTED] u'],
    ['curl -b session=hunter u', 'curl -b [REDACTED] u'],
    [`curl -s --cookie "a=hunter; b=2" u`, `curl -s --cookie "[REDACTED]" u`],
    ['http -a me:hunter h.io a=b', 'http -a me:[REDACTED] h.io a=b'],
    [`https --auth 'hunter2' h.io`, `https --auth '[REDACTED]' h.io`],
    ['git clone https://a1b2c3d4e5f6@h.io/r', 'git clone https://[REDACTED]@h.io/r'],
    ['aws configure set aws_secret_access_key hunter', 'aws configure set aws_secret_access_key [REDACTED]'],
    ['gh secret set MY_NAME --body hunter', 'gh secret set MY_NAME --body [REDACTED]'],
    ['echo hunter | sudo -S apt update', 'echo [REDACTED] | sudo -S apt update'],
    ['setx API_KEY hunter', 'setx API_KEY [REDACTED]'],
    ['set -gx MY_API_TOKEN hunter', 'set -gx MY_API_TOKEN [REDACTED]'],
    ['openssl rsa -passin pass:hunter -in k', 'openssl rsa -passin pass:[REDACTED] -in k'],
    ['[{"name":"Authorization","value":"Bearer abcdef"}]', '[{"name":"Authorization","value":"[REDACTED]"}]'],
    [
      '[{\\"name\\":\\"X-Token\\", \\"value\\": \\"abc\\"}]',
      '[{\\"name\\":\\"X-Token\\", \\"value\\": \\"[REDACTED]\\"}]',
    ],
    ['postgres://u:sec@ret99@h/db', 'postgres://u:[REDACTED]@h/db'],
    ['postgres://u:sec/ret99@h/db', 'postgres://u:[REDACTED]@h/db'],
    [`password = "it's\\"so\\\\" + x`, 'password = "[REDACTED]" + x'],
    [`password = 'say "so" 1'`, `password = '[REDACTED]'`],
    [
      '{\\"password\\": \\"hun\\\\\\"ter\\\\\\\\2\\", \\"a\\": 1}',
      '{\\"password\\": \\"[REDACTED]\\", \\"a\\": 1}',
    ],
    ['password="$ecret99"', 'password="[REDACTED]"'],
    ['PASSWORD=$ecret99', 'PASSWORD=[REDACTED]'],
    ['{"password":12345678901234567890}', '{"password":[REDACTED]}'],
    ['./.env:3:A=hunter\nb.ts:4:A=b', './.env:3:A=[REDACTED]\nb.ts:4:A=b'],
    ['app/.env-2-A=hunter', 'app/.env-2-A=[REDACTED]'],
    ['app/.env:A=hunter', 'app/.env:A=[REDACTED]'],
    ['machine h login me password hunter', 'machine h login me password [REDACTED]'],
    ['aws_secret_access_key = wJalr12/x', 'aws_secret_access_key = [REDACTED]'],
    ['    client-key-data: LS0tLS1', '    client-key-data: [REDACTED]'],
    [`say:\n${alnum}\nAb==\n${secret('-----END RSA ', 'PRIVATE KEY-----')}\n`, 'say:[REDACTED]\n'],
    ['DB_PASS=hunter', 'DB_PASS=[REDACTED]'],
    ['tokens="abc def"', 'tokens="[REDACTED]"'],
    ['PASSWORDS=hunter,hunter', 'PASSWORDS=[REDACTED],hunter'],
  ])('%s', (text, expected) => {
    expect(redactText(text)).toBe(expected)
  })

  it.each(['"', "'", '`', '\\\\"'])('whole where it is long and in quotes: %s', (quote) => {
    for (const length of [4_095, 4_096, 4_097, 8_192, 200_000]) {
      const value = 'Ab3d\\\\E'
        .repeat(length / 6 + 1)
        .slice(0, length)
        .replace(/\\+$/, 'x')
      expect(redactText(`password = ${quote}${value}${quote} + x`)).toBe(
        `password = ${quote}${REDACTED}${quote} + x`,
      )
    }
  })

  it('whole where it is long and without quotes', () => {
    const value = 'Ab3d'.repeat(20_000)
    for (const before of ['TOKEN=', 'app --token ', 'Authorization: Bearer ', 'Cookie: a=', 'password: ']) {
      expect(redactText(before + value)).toMatch(/\[REDACTED\]$/)
      expect(redactText(before + value).length).toBeLessThan(60)
    }
  })

  it.each([
    ['max_tokens: 4096'],
    ['context_tokens=12345'],
    ['interface User { password: string }'],
    ['TOKEN=$GITHUB_TOKEN'],
    ['password="$password"'],
    ['{"max_tokens": 4096, "tokens":12}'],
    ['http://localhost:5173/@vite/client'],
    ['bypass=true'],
    ['app.key: value'],
    ['token = next1(a)'],
    ['psql --no-password app'],
    ['mysql -p app'],
    ['docker run -p 80:80 app'],
    ['redis-cli -h cache ping'],
    ['http h.io X-Api-Key:$API_KEY'],
    ['http://h.io/token:list'],
    ['git push -u origin main'],
    [`const token = process.env.TOKEN`],
    [`password = "\${DB_PASSWORD}"`],
    ['The secret: keep the tests small.'],
    ['a basic understanding of bearer tokens'],
    ['git commit -m "feat: sign the token"'],
  ])('leaves %s', (text) => {
    expect(redactText(text)).toBe(text)
  })

  it('has nothing more to do the second time', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.values(shaped)),
        fc.string(),
        fc.string(),
        (token, before, after) => {
          const once = redactText(`${before} ${token} ${after}`)
          expect(redactText(once)).toBe(once)
        },
      ),
    )
  })
})

describe('what is long', () => {
  // Work that grows with the square of the length would not be done before the test gives up.
  it.each([
    ['a'],
    ['a-'],
    ['a_'],
    ['token'],
    ['token='],
    ['-----BEGIN RSA '],
    ['a://'],
    ['a://b:'],
    ['authorization: '],
    [' '],
    ['\n'],
    ['password:'],
    ['- password: '],
    ['"'],
    ['eyJ'],
    ['eyJ-'],
    ['eyJabcdefghijk.'],
    ['\\n'],
    ['[0m'],
    ['%3D'],
    ['--'],
    ['--token '],
    ['mysql '],
    ['docker login '],
    [" -H '"],
    ['token":"'],
    ['a://b:/'],
    ['.envx:'],
    ['.env-1'],
    ['login a password'],
    ['secret = '],
    [`${secret('-----END ', 'PRIVATE KEY-----')}a`],
    ['a://b:@'],
    ['ghp_'],
    ['sk-'],
    ['redis-cli '],
    ['http '],
    ['http "'],
    ['http token:'],
    ['http token=='],
    ['http token:\\\\'],
    [`http 'token:a' `],
    [`token='`],
    [`token='\\\\`],
    ['1'],
  ])('is read in linear time: %j', (piece) => {
    const text = piece.repeat(Math.ceil(1_000_000 / piece.length))
    expect(redactText(`${text}${' '.repeat(20)}password="hunter2"`)).toContain(`password="${REDACTED}"`)
  })
})

describe('commands that write files with secrets', () => {
  it.each([
    [`echo 'NAME=v w>|;x' >> .env`, `echo 'NAME=[REDACTED]' >> .env`],
    ['echo NAME=v w >> .env', 'echo NAME=[REDACTED] >> .env'],
    [`echo "NAME=a\\"b" >> .env && ls`, `echo "NAME=[REDACTED]" >> .env && ls`],
    [`echo NAME="a b" | tee -a .env`, 'echo NAME=[REDACTED] | tee -a .env'],
    [`printf 'A=1\\nB=2' > .env`, `printf 'A=[REDACTED]' > .env`],
    [`printf 'x\\nA=1' > .env`, `printf 'x\\nA=[REDACTED]' > .env`],
    [`sed -i 's/^NAME=.*/NAME=v/' .env`, `sed -i 's/^NAME=[REDACTED]' .env`],
    ['MODE=ci make env\necho NAME=v>.env', 'MODE=[REDACTED] make env\necho NAME=[REDACTED]>.env'],
    [`Add-Content .env "NAME=v"`, `Add-Content .env "NAME=[REDACTED]"`],
    [
      `cat > .env <<EOF\nA=b\nEOF\necho 'C=d' >> .env`,
      `cat > .env <<EOF\nA=[REDACTED]\nEOF\necho 'C=[REDACTED]' >> .env`,
    ],
  ])('%s', (command, expected) => {
    expect(redactCommand(command)).toBe(expected)
  })

  it.each(['cat .env', 'grep -n NAME= .env', 'A=b docker run --env-file .env app'])(
    'leaves %s',
    (command) => {
      expect(redactCommand(command)).toBe(command)
    },
  )

  it.each(['A=', `A='`, 'A="\\\\', '\\\\', 'a', ' a', `'`, '>', 'A=b\n', '<<E\n>.env A='])(
    'are read in linear time: %j',
    (piece) => {
      const text = piece.repeat(Math.ceil(1_000_000 / piece.length))
      expect(redactCommand(`${text} > .env`)).toBeTypeOf('string')
    },
  )
})

describe('files that hold secrets', () => {
  const file = '# database\nDB_HOST=localhost\nexport DB_PASS="a b"\n\nEMPTY=\n-----\nloose text'

  it('keep names and comments', () => {
    expect(redactSecretFile(file, false)).toBe(
      `# database\nDB_HOST=${REDACTED}\nexport DB_PASS=${REDACTED}\n\nEMPTY=\n${REDACTED}\n${REDACTED}`,
    )
  })

  it('are known behind line numbers', () => {
    expect(redactSecretFile('     1→DB_PASS=abc\n     2\tKEY=def', false)).toBe(
      `     1→DB_PASS=${REDACTED}\n     2\tKEY=${REDACTED}`,
    )
  })

  it('as output leave other lines', () => {
    expect(redactSecretFile('total 4\nA=b', true)).toBe(`total 4\nA=${REDACTED}`)
  })
})
