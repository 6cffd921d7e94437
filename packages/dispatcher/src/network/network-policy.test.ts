import { BlockList } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BLOCKED_MESSAGE, createNetworkPolicy, MAX_URL_LENGTH } from './network-policy.ts'

const policy = createNetworkPolicy()

const REFUSED_ADDRESSES = [
  ...['0.0.0.0', '0.1.2.3', '0.255.255.255', '10.0.0.0', '10.255.255.255', '100.64.0.0', '100.127.255.255'],
  ...['127.0.0.1', '127.255.255.255', '169.254.0.1', '169.254.169.254', '169.254.170.2', '172.16.0.1'],
  ...['172.31.255.255', '192.0.0.1', '192.0.0.192', '192.0.2.1', '192.88.99.1', '192.168.0.1'],
  ...['192.168.255.255', '198.18.0.1', '198.19.255.255', '198.51.100.7', '203.0.113.7', '224.0.0.1'],
  ...['239.255.255.255', '240.0.0.1', '255.255.255.254', '255.255.255.255', '100.100.100.200'],
  ...['::', '::1', '::7f00:1', '::127.0.0.1', '::8.8.8.8', '::ffff:0:127.0.0.1', '::ffff:0:8.8.8.8'],
  ...['::ffff:127.0.0.1', '::ffff:7f00:1', '::FFFF:10.0.0.1', '0:0:0:0:0:ffff:169.254.169.254'],
  ...[
    '64:ff9b::127.0.0.1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b::10.0.0.1',
    '64:ff9b:1::8.8.8.8',
    '64:ff9b:1:2::1',
  ],
  ...['100::1', '100:0:0:1::1', '2001::1', '2001:0:1:2:3:4:5:6', '2001:2::1', '2001:10::1', '2001:20::1'],
  ...['2001:1ff:ffff::1', '2001:db8::1', '2002:7f00:1::', '2002:808:808::1', '3fff::1', '3fff:fff::1'],
  ...['5f00::1', 'fc00::1', 'fd00:ec2::254', 'fdff:ffff::1', 'fe80::1', 'fe80::1%lo', 'febf::1', 'fec0::1'],
  ...[
    'ff02::1',
    'ff0e::1',
    '4000::1',
    'e000::1',
    '200::1',
    '2a00:1450::5efe:10.0.0.1',
    '2a00:1450::200:5efe:7f00:1',
  ],
]

const ALLOWED_ADDRESSES = [
  ...['1.1.1.1', '8.8.8.8', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255'],
  ...['128.0.0.0', '169.253.255.255', '169.255.0.0', '172.15.255.255', '172.32.0.0', '191.255.255.255'],
  ...['192.0.1.0', '192.0.3.0', '192.88.98.255', '192.88.100.0', '192.167.255.255', '192.169.0.0'],
  ...['198.17.255.255', '198.20.0.0', '198.51.99.255', '203.0.112.255', '203.0.114.0', '223.255.255.255'],
  ...['2001:200::1', '2001:4860:4860::8888', '2001:db7::1', '2001:db9::1', '2003::1', '2606:4700::1111'],
  ...[
    '3ffe::1',
    '3fff:1000::1',
    '2a00:1450:4001::5efe:8.8.8.8',
    '::ffff:8.8.8.8',
    '64:ff9b::8.8.8.8',
    '2000::1',
  ],
]

const text = {
  v4: (bits: bigint) => [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 0xffn).join('.'),
  v6: (bits: bigint) =>
    Array.from({ length: 8 }, (_, i) => ((bits >> BigInt(112 - 16 * i)) & 0xffffn).toString(16)).join(':'),
}

function blocks(...cidrs: string[]): [net: string, prefix: number][] {
  return cidrs.map((cidr) => {
    const [net = '', prefix] = cidr.split('/')
    return [net, Number(prefix)]
  })
}

const v4Blocks = blocks(
  ...[
    '0.0.0.0/8',
    '10.0.0.0/8',
    '100.64.0.0/10',
    '127.0.0.0/8',
    '169.254.0.0/16',
    '172.16.0.0/12',
    '192.0.0.0/24',
  ],
  ...[
    '192.0.2.0/24',
    '192.88.99.0/24',
    '192.168.0.0/16',
    '198.18.0.0/15',
    '198.51.100.0/24',
    '203.0.113.0/24',
  ],
  ...['224.0.0.0/4', '240.0.0.0/4'],
)

const v6Blocks = blocks(
  ...['64:ff9b:1::/48', '100::/64', '2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20', '5f00::/16'],
  ...['fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
)

const bits32 = fc.bigInt({ min: 0n, max: 0xffffffffn })
const bits128 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n })

describe('checkAddress', () => {
  it.each(REFUSED_ADDRESSES)('refuses %s', (address) => {
    expect(policy.checkAddress(address)).toBe(false)
  })

  it.each(ALLOWED_ADDRESSES)('allows %s', (address) => {
    expect(policy.checkAddress(address)).toBe(true)
  })

  it.each(['', 'localhost', '127.1', 'example.com', '1.2.3.4/8'])(
    'refuses %j, which is no address',
    (address) => {
      expect(policy.checkAddress(address)).toBe(false)
    },
  )

  it("agrees with node's BlockList over all of IPv4", () => {
    const list = new BlockList()
    for (const [net, prefix] of v4Blocks) list.addSubnet(net, prefix, 'ipv4')
    const inBlock = fc.constantFrom(...v4Blocks).chain(([net, prefix]) =>
      bits32.map((bits) => {
        const start = net.split('.').reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n)
        // One bit shorter than the block, so that half of these lie beside it.
        return start ^ (bits & ((1n << BigInt(33 - prefix)) - 1n))
      }),
    )
    fc.assert(
      fc.property(fc.oneof(bits32, inBlock), (bits) => {
        const address = text.v4(bits & 0xffffffffn)
        expect(policy.checkAddress(address)).toBe(!list.check(address, 'ipv4'))
      }),
      { numRuns: 3000 },
    )
  })

  it('refuses every address of every special block of IPv6', () => {
    const list = new BlockList()
    for (const [net, prefix] of v6Blocks) list.addSubnet(net, prefix, 'ipv6')
    const inBlock = fc.constantFrom(...v6Blocks).chain(([net, prefix]) => {
      const start = BigInt(`0x${groupsOf(net).join('')}`)
      return bits128.map((bits) => text.v6(start | (bits & ((1n << BigInt(128 - prefix)) - 1n))))
    })
    fc.assert(
      fc.property(inBlock, (address) => {
        expect(list.check(address, 'ipv6')).toBe(true)
        expect(policy.checkAddress(address)).toBe(false)
      }),
      { numRuns: 2000 },
    )
  })

  it('refuses every address of ::/8 but those that stand for a public IPv4 address', () => {
    fc.assert(
      fc.property(bits128, (bits) => {
        const address = text.v6(bits >> 8n)
        expect(policy.checkAddress(address)).toBe(false)
      }),
    )
  })

  it('judges mapped and NAT64 addresses by the IPv4 address inside', () => {
    fc.assert(
      fc.property(bits32, (bits) => {
        const expected = policy.checkAddress(text.v4(bits))
        expect(policy.checkAddress(`::ffff:${text.v4(bits)}`)).toBe(expected)
        expect(policy.checkAddress(text.v6((0xffffn << 32n) | bits))).toBe(expected)
        expect(policy.checkAddress(`64:ff9b::${text.v4(bits)}`)).toBe(expected)
      }),
      { numRuns: 1000 },
    )
  })

  it('refuses every 6to4 address, whatever it carries', () => {
    fc.assert(
      fc.property(bits128, (bits) => {
        expect(policy.checkAddress(text.v6((0x2002n << 112n) | (bits >> 16n)))).toBe(false)
      }),
    )
  })
})

describe('allowedCidrs', () => {
  const lenient = createNetworkPolicy({ allowedCidrs: ['10.1.0.0/16', ' 127.0.0.1 ', 'fd00::/8'] })

  it.each(['10.1.2.3', '127.0.0.1', 'fd12::1', '::ffff:10.1.2.3', '64:ff9b::10.1.2.3', '8.8.8.8'])(
    'allows %s',
    (address) => {
      expect(lenient.checkAddress(address)).toBe(true)
    },
  )

  it.each(['10.2.0.1', '127.0.0.2', 'fc00::1', '::ffff:10.2.0.1', '::1', '2002:a01:203::1'])(
    'still refuses %s',
    (address) => {
      expect(lenient.checkAddress(address)).toBe(false)
    },
  )

  it('reports every entry that is wrong', () => {
    expect(() => createNetworkPolicy({ allowedCidrs: ['10.0.0.0/8', '10.0.0.1/8', 'all'] })).toThrow(
      expect.objectContaining({
        issues: [
          expect.objectContaining({ path: 'allowedCidrs[1]' }),
          expect.objectContaining({ path: 'allowedCidrs[2]' }),
        ],
      }),
    )
  })
})

describe('checkUrl', () => {
  it.each([
    'https://example.com/hook?a=b',
    'http://example.com:8080',
    'https://[2606:4700::1111]/',
    'https://1.1.1.1/',
    'https://xn--bcher-kva.example/',
    'https://localhost.example.com/',
    'https://notlocalhost/',
  ])('allows %s', (url) => {
    expect(policy.checkUrl(url)).toMatchObject({ ok: true, value: { href: new URL(url).href } })
  })

  it.each([
    ...['http://127.0.0.1/', 'http://127.1/', 'http://2130706433/', 'http://0x7f.1/', 'http://0177.0.0.1/'],
    ...['http://0x7f000001/', 'http://127.0.0.1./', 'http://[::1]:9876/', 'http://[::ffff:127.0.0.1]/'],
    ...[
      'http://[0:0:0:0:0:ffff:7f00:1]/',
      'http://[64:ff9b::7f00:1]/',
      'http://[2002:7f00:1::]/',
      'http://0/',
    ],
    ...[
      'http://①②⑦.0.0.1/',
      'http://127。0。0。1/',
      'http://169.254.169.254/latest/meta-data',
      'http://[fd00:ec2::254]/',
    ],
    ...[
      'http://localhost/',
      'http://LOCALHOST:3000/',
      'http://localhost./',
      'http://a.localhost/',
      'http://10.0.0.1/',
    ],
  ])('refuses %s with the uniform sentence', (url) => {
    const expected =
      'a public address, or one in allowedCidrs (POSTHORN_ALLOWED_CIDRS of a service, --allow-private-network of posthorn dev)'
    expect(policy.checkUrl(url)).toEqual({
      ok: false,
      error: [{ path: 'url', message: BLOCKED_MESSAGE, expected }],
    })
  })

  it.each([
    ['', 'is not a URL'],
    ['example.com', 'is not a URL'],
    ['http://', 'is not a URL'],
    ['http://1.2.3.4.5/', 'is not a URL'],
    ['http://256.0.0.1/', 'is not a URL'],
    ['ftp://example.com/', 'does not begin'],
    ['file:///etc/passwd', 'does not begin'],
    ['gopher://example.com/', 'does not begin'],
    ['javascript:alert(1)', 'does not begin'],
    ['https://user@example.com/', 'user name or password'],
    ['https://:secret@example.com/', 'user name or password'],
    ['https://example.com:0/', 'port 0'],
    [`https://example.com/${'a'.repeat(MAX_URL_LENGTH)}`, 'longer than 2048'],
  ])('refuses %j: %s', (url, message) => {
    const result = policy.checkUrl(url, 'endpoints[0].url')
    expect(result).toMatchObject({
      ok: false,
      error: [{ path: 'endpoints[0].url', message: expect.stringContaining(message) }],
    })
  })

  it('reports several mistakes at once', () => {
    const result = policy.checkUrl('http://user:pass@127.0.0.1:0/')
    expect(!result.ok && result.error).toHaveLength(3)
  })

  it('allows localhost where loopback is allowed', () => {
    const local = createNetworkPolicy({ allowedCidrs: ['127.0.0.0/8'] })
    expect(local.checkUrl('http://localhost:3000/').ok).toBe(true)
    expect(local.checkUrl('http://127.1/').ok).toBe(true)
    expect(local.checkUrl('http://[::1]/').ok).toBe(false)
  })

  it('never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.webUrl(),
          fc.string().map((s) => `http://${s}`),
        ),
        (url) => {
          expect(typeof policy.checkUrl(url).ok).toBe('boolean')
        },
      ),
    )
  })
})

/** The eight groups of a net written with `::` at its end, four digits each. */
function groupsOf(net: string): string[] {
  const given = net.replace(/::$/, '').split(':')
  return Array.from({ length: 8 }, (_, i) => (given[i] ?? '0').padStart(4, '0'))
}
