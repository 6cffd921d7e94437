import type { OpenApiDocument, Operation } from './document.ts'
import { escapeHtml, prose, table } from './html.ts'
import { contentHtml, fieldsOf, schemaAnchor, typeOf } from './schema-html.ts'

interface Route extends Operation {
  readonly method: string
  readonly path: string
  readonly anchor: string
}

/** The reference as one page of HTML without scripts: everything on it is in the document it is given. */
export function renderReference(document: OpenApiDocument): string {
  const routes = routesOf(document)
  const { title, version, description } = document.info
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} HTTP API</title>
<link rel="stylesheet" href="/docs/style.css">
</head>
<body>
<nav aria-label="Routes">${navigation(document, routes)}</nav>
<main>
<h1>${escapeHtml(title)} HTTP API <small>${escapeHtml(version)}</small></h1>
<p>${prose(description ?? '')}</p>
<p>The same as a document for tools: <a href="/openapi.json">openapi.json</a>.</p>
${(document.tags ?? []).map((tag) => sectionHtml(tag, routes)).join('\n')}
<section><h2 id="schemas">Schemas</h2>${schemasHtml(document)}</section>
</main>
</body>
</html>
`
}

function routesOf(document: OpenApiDocument): Route[] {
  return Object.entries(document.paths ?? {}).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      ...operation,
      method: method.toUpperCase(),
      path,
      anchor: `${method}-${path.replaceAll(/[^a-zA-Z0-9]+/g, '-').replaceAll(/^-|-$/g, '')}`,
    })),
  )
}

function navigation(document: OpenApiDocument, routes: readonly Route[]): string {
  const groups = (document.tags ?? []).map(({ name }) => {
    const links = routes
      .filter((route) => route.tags?.includes(name))
      .map(
        ({ anchor, method, path }) =>
          `<li><a href="#${anchor}"><b>${method}</b> ${escapeHtml(path)}</a></li>`,
      )
    return `<h2>${escapeHtml(name)}</h2><ul>${links.join('')}</ul>`
  })
  return groups.join('')
}

function sectionHtml(tag: { name: string; description?: string }, routes: readonly Route[]): string {
  const own = routes.filter((route) => route.tags?.includes(tag.name))
  return `<section><h2>${escapeHtml(tag.name)}</h2><p>${prose(tag.description ?? '')}</p>${own.map(routeHtml).join('\n')}</section>`
}

function routeHtml(route: Route): string {
  const parameters = (route.parameters ?? []).map((parameter) => [
    `<code>${escapeHtml(parameter.name)}</code> <i>${escapeHtml(parameter.in)}</i>`,
    parameter.schema ? typeOf(parameter.schema) : '',
    prose(parameter.description ?? parameter.schema?.description ?? ''),
  ])
  const answers = Object.entries(route.responses ?? {}).map(
    ([status, answer]) =>
      `<dt>${escapeHtml(status.toLowerCase())}</dt><dd>${contentHtml(answer.content) || 'no content'}</dd>`,
  )
  const body = contentHtml(route.requestBody?.content)
  return `<article id="${route.anchor}">
<h3><b>${route.method}</b> <code>${escapeHtml(route.path)}</code></h3>
<p>${prose(route.summary ?? '')}${route.security ? ' <span class="key">needs a key</span>' : ''}</p>
${route.description === undefined ? '' : `<p>${prose(route.description)}</p>`}
${table(['parameter', 'type', ''], parameters)}
${body === '' ? '' : `<h4>Request</h4>${body}`}
<h4>Answers</h4><dl>${answers.join('')}</dl>
</article>`
}

function schemasHtml(document: OpenApiDocument): string {
  return Object.entries(document.components?.schemas ?? {})
    .map(
      ([name, schema]) =>
        `<article id="${escapeHtml(schemaAnchor(name))}"><h3>${escapeHtml(name)}</h3>${fieldsOf(schema)}</article>`,
    )
    .join('\n')
}
