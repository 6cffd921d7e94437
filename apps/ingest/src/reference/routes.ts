import type { ZodApp } from '../http/zod-app.ts'
import type { OpenApiDocument } from './document.ts'
import { renderReference } from './page.ts'
import { referenceStyle } from './style.ts'

/** The page has no script and loads nothing but its own style sheet. */
const POLICY =
  "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** `/openapi.json`, and the same as a page to read at `/docs`. */
export function registerReference(app: ZodApp): void {
  const config = { access: 'public' } as const
  const hidden = { config, schema: { hide: true } }
  const documentOf = () => app.swagger() as unknown as OpenApiDocument
  // Routes do not change once the service runs, so the page is rendered the first time somebody reads it.
  let page: string | undefined

  app.get('/openapi.json', hidden, (_request, reply) => reply.send(documentOf()))

  app.get('/docs', hidden, (_request, reply) => {
    page ??= renderReference(documentOf())
    return reply
      .headers({ 'content-type': 'text/html; charset=utf-8', 'content-security-policy': POLICY })
      .send(page)
  })

  app.get('/docs/style.css', hidden, (_request, reply) =>
    reply.header('content-type', 'text/css; charset=utf-8').send(referenceStyle),
  )
}
