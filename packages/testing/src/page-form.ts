/** A form of an HTML page. */
export interface PageForm {
  /** Absolute URL that it is sent to. */
  readonly action: string
  readonly method: 'GET' | 'POST'
  /** Names and values of its inputs, hidden ones too. */
  readonly fields: readonly (readonly [string, string])[]
  readonly buttons: readonly PageButton[]
}

/** A button of a form. */
export interface PageButton {
  /** What it shows, white space collapsed. */
  readonly label: string
  /** Name and value that it adds to the form. */
  readonly field?: readonly [string, string]
}

/** A link of an HTML page. */
export interface PageLink {
  readonly label: string
  /** Absolute URL. */
  readonly url: string
}

/** The forms of a page. Reads the simple HTML that servers write by hand; it runs no script. */
export function formsOf(page: string, base: string): readonly PageForm[] {
  return [...page.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gis)].map(([, head = '', inner = '']) => {
    const attributes = attributesOf(head)
    return {
      action: new URL(attributes.get('action') ?? '', base).href,
      method: attributes.get('method')?.toLowerCase() === 'post' ? 'POST' : 'GET',
      fields: inputsOf(inner),
      buttons: buttonsOf(inner),
    }
  })
}

/** The links of a page. */
export function linksOf(page: string, base: string): readonly PageLink[] {
  return [...page.matchAll(/<a\b([^>]*)>(.*?)<\/a>/gis)].flatMap(([, head = '', inner = '']) => {
    const href = attributesOf(head).get('href')
    return href === undefined ? [] : [{ label: labelOf(inner), url: new URL(href, base).href }]
  })
}

/** Where a page leads by itself (`meta refresh`), as an absolute URL; `undefined`: nowhere, or not at once. */
export function refreshOf(page: string, base: string): string | undefined {
  for (const [, head = ''] of page.matchAll(/<meta\b([^>]*)>/gi)) {
    const attributes = attributesOf(head)
    if (attributes.get('http-equiv')?.toLowerCase() !== 'refresh') continue
    const target = /^\s*0\s*;\s*url=(.+)$/i.exec(attributes.get('content') ?? '')?.[1]
    if (target !== undefined) return new URL(target, base).href
  }
  return undefined
}

function inputsOf(inner: string): (readonly [string, string])[] {
  return [...inner.matchAll(/<input\b([^>]*)>/gi)].flatMap(([, head = '']) => {
    const attributes = attributesOf(head)
    const name = attributes.get('name')
    const idle = ['checkbox', 'radio'].includes(attributes.get('type') ?? '') && !attributes.has('checked')
    const button = ['submit', 'button', 'image', 'reset'].includes(attributes.get('type') ?? '')
    return name === undefined || idle || button ? [] : [[name, attributes.get('value') ?? ''] as const]
  })
}

function buttonsOf(inner: string): PageButton[] {
  const buttons = [...inner.matchAll(/<button\b([^>]*)>(.*?)<\/button>/gis)].map(
    ([, head = '', label = '']) => buttonOf(attributesOf(head), labelOf(label)),
  )
  const inputs = [...inner.matchAll(/<input\b([^>]*)>/gi)]
    .map(([, head = '']) => attributesOf(head))
    .filter((attributes) => attributes.get('type')?.toLowerCase() === 'submit')
    .map((attributes) => buttonOf(attributes, attributes.get('value') ?? ''))
  return [...buttons, ...inputs]
}

function buttonOf(attributes: ReadonlyMap<string, string>, label: string): PageButton {
  const name = attributes.get('name')
  return name === undefined ? { label } : { label, field: [name, attributes.get('value') ?? ''] }
}

function attributesOf(head: string): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>()
  for (const [, name = '', , double, single, bare] of head.matchAll(
    /([\w-]+)(\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g,
  )) {
    attributes.set(name.toLowerCase(), unescapeHtml(double ?? single ?? bare ?? ''))
  }
  return attributes
}

function labelOf(inner: string): string {
  return unescapeHtml(inner.replace(/<[^>]*>/g, ' '))
    .replace(/\s+/g, ' ')
    .trim()
}

function unescapeHtml(value: string): string {
  const named: Readonly<Record<string, string>> = {
    amp: '&',
    lt: '<',
    gt: '>',
    quot: '"',
    apos: "'",
    nbsp: ' ',
  }
  return value.replace(
    /&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi,
    (whole, hex?: string, decimal?: string, name?: string) => {
      if (name !== undefined) return named[name.toLowerCase()] ?? whole
      return String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16))
    },
  )
}
