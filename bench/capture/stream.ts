import { request } from 'node:http'

/** Follows the live stream and tells the id of each event whose change is announced. Resolves when it has begun. */
export function follow(
  origin: string,
  headers: Record<string, string>,
  onEvent: (eventId: string) => void,
): Promise<{ close(): void }> {
  return new Promise((resolve, reject) => {
    const sent = request(`${origin}/api/v1/stream?types=event,message,tool_use,conversation_update`, {
      headers,
      agent: false,
    })
    sent.on('error', reject)
    sent.on('response', (response) => {
      if (response.statusCode !== 200)
        return reject(new Error(`the stream was refused: ${response.statusCode}`))
      let rest = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        const blocks = (rest + chunk).split('\n\n')
        rest = blocks.pop() ?? ''
        for (const block of blocks) {
          if (block.includes('event: connected')) resolve({ close: () => void response.destroy() })
          const id = /^event: event\ndata: .*"id": ?"(evt_[0-9a-f]{32})"/m.exec(block)?.[1]
          if (id !== undefined) onEvent(id)
        }
      })
    })
    sent.end()
  })
}
