import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'

/** One event as it arrived. */
export interface ReceivedEvent {
  readonly event: string
  readonly id: string
  readonly data: Record<string, unknown>
}

/** Somebody who follows a stream as a browser does: by the rules of the HTML standard, with the last id kept. */
export interface StreamClient {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly events: ReceivedEvent[]
  readonly comments: string[]
  readonly ended: Promise<void>
  readonly lastId: string
  /** what came under a name */
  of(event: string): Record<string, unknown>[]
  /** Reads no more from the socket, or goes on. */
  pause(): void
  resume(): void
  close(): void
}

export interface StreamRequest {
  readonly path?: string
  readonly lastEventId?: string
  readonly headers?: Readonly<Record<string, string>>
}

export function openStream(url: string, key: string, options: StreamRequest = {}): Promise<StreamClient> {
  const { path = '/api/v1/stream', lastEventId, headers = {} } = options
  return new Promise((resolve, reject) => {
    const sent = request(url + path, {
      headers: {
        authorization: `Bearer ${key}`,
        accept: 'text/event-stream',
        ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
        ...headers,
      },
      agent: false,
    })
    sent.once('error', reject)
    sent.once('response', (response) => {
      sent.off('error', reject).on('error', () => undefined)
      resolve(follow(response))
    })
    sent.end()
  })
}

function follow(response: IncomingMessage): StreamClient {
  const events: ReceivedEvent[] = []
  const comments: string[] = []
  let rest = ''
  let lastId = ''
  const take = (block: string) => {
    const fields = new Map<string, string>()
    for (const line of block.split('\n')) {
      const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? []
      if (name === '') comments.push(value)
      else fields.set(name, value)
    }
    lastId = fields.get('id') ?? lastId
    const data = fields.get('data')
    if (data !== undefined) {
      events.push({
        event: fields.get('event') ?? 'message',
        id: lastId,
        data: JSON.parse(data) as ReceivedEvent['data'],
      })
    }
  }
  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    const blocks = (rest + chunk).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) take(block)
  })
  const ended = new Promise<void>((resolve) => {
    response.once('close', resolve)
  })
  response.on('error', () => undefined)
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    events,
    comments,
    ended,
    get lastId() {
      return lastId
    },
    of: (event) => events.filter((each) => each.event === event).map(({ data }) => data),
    pause: () => void response.pause(),
    resume: () => void response.resume(),
    close: () => void response.destroy(),
  }
}
