import type { ZodApp } from '../http/zod-app.ts'
import type { OpenApiDocument } from './document.ts'
import { renderReference } from './page.ts'
import { referenceStyle } from './style.ts'
import { tidy } from './tidy.ts'

/** The page has no script and loads nothing but its own style sheet. */
const POLICY =
  "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** `/openapi.json`, and the same as a page to read at `/docs`, where `/` leads a person who opens the bare address. */
export function registerReference(app: ZodApp): void {
  const config = { access: 'public' } as const
  const hidden = { config, schema: { hide: true } }
  // Routes do not change once the service runs, so document and page are made the first time somebody reads them.
  let document: OpenApiDocument | undefined
  let page: string | undefined
  const documentOf = () => {
    document ??= tidy(app.swagger() as unknown as OpenApiDocument)
    return document
  }

  app.get('/', hidden, (_request, reply) => reply.redirect('/docs', 302))

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
