/// <reference path="./on-headers.d.ts" />
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import onHeaders from 'on-headers'
import { sharedCacheHeaders } from '../flows/shared-caches.ts'

/** What becomes known of an answer until its head is written. */
export interface AnswerPrivacy {
  /** The answer depends on who asked, whatever is in the app's session. */
  readonly isPrivate: boolean
  /** The app's own session, where it is ours. */
  readonly session: { readonly isShown: boolean } | undefined
  /** Somebody waits for the head of the answer. */
  isWatched: boolean
}

/**
 * Keeps an answer that belongs to one visitor out of shared caches. The headers are set when the response writes its
 * head, so that what the app says later about caching does not win. To be called before the app gets the response: of
 * everybody who waits for the head, the first to ask comes last.
 */
export function guardSharedCaches(res: ServerResponse, answer: AnswerPrivacy): void {
  if (answer.isWatched) return
  answer.isWatched = true
  const { writeHead } = res
  const guarded = (...args: HeadArguments): ServerResponse => {
    res.writeHead = writeHead
    const isPrivate = answer.isPrivate || answer.session?.isShown === true
    return isPrivate ? writePrivateHead(res, args) : Reflect.apply(writeHead, res, args)
  }
  res.writeHead = guarded as ServerResponse['writeHead'] // overloads cannot be written as one function
}

type HeadArguments = [status: number, second?: unknown, third?: unknown]

function writePrivateHead(res: ServerResponse, args: HeadArguments): ServerResponse {
  const [status, second, third] = args
  // What frameworks do; everything else that writeHead() takes is on-headers' to sort out.
  if (second === undefined && third === undefined) {
    setPrivateHeaders(res)
    return res.writeHead(status)
  }
  if (third === undefined && isLowerCase(second)) {
    return res.writeHead(status, { ...second, ...sharedCacheHeaders(headersWith(second, res)) })
  }
  onHeaders(res, () => setPrivateHeaders(res))
  return Reflect.apply(res.writeHead, res, args)
}

/** What frameworks keep of the headers by themselves comes with the head, and mostly there are no others. */
function headersWith(head: OutgoingHttpHeaders, res: ServerResponse): OutgoingHttpHeaders {
  return res.getHeaderNames().length === 0 ? head : { ...res.getHeaders(), ...head }
}

function setPrivateHeaders(res: ServerResponse): void {
  for (const [name, value] of Object.entries(sharedCacheHeaders(res.getHeaders()))) res.setHeader(name, value)
}

function isLowerCase(headers: unknown): headers is OutgoingHttpHeaders {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) return false
  return Object.keys(headers).every((name) => name === name.toLowerCase())
}
