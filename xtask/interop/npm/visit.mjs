// A person at the page of examples/browser: node visit.mjs CHROMIUM URL
//
// It presses "Sign in", and prints the code and the link as a line of JSON. A line on standard input makes it press
// "Cancel". Then it waits for the end, and prints what the page says, and what a stranger could find in it.

import { once } from 'node:events';
import puppeteer from 'puppeteer-core';

const [, , executablePath, url] = process.argv;
// Root has no sandbox in a container.
const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
const browser = await puppeteer.launch({ executablePath, headless: true, args });
const say = (what) => console.log(JSON.stringify(what));
try {
  const page = await browser.newPage();
  const [errors, paths, tokens] = [[], [], []];
  page.on('pageerror', (error) => errors.push(String(error)));
  // What the page's policy forbids appears here, among the answers that are no success.
  page.on('console', (message) => message.text().includes('Security Policy') && errors.push(message.text()));
  page.on('request', (request) => request.method() === 'POST' && paths.push(new URL(request.url()).pathname));
  // Each response is held while its body is read: the browser forgets bodies that the page has read.
  const cdp = await page.createCDPSession();
  cdp.on('Fetch.requestPaused', async ({ requestId, request, responseStatusCode }) => {
    try {
      if (request.method === 'POST' && responseStatusCode === 200) {
        const { body, base64Encoded } = await cdp.send('Fetch.getResponseBody', { requestId });
        tokens.push(JSON.parse(base64Encoded ? atob(body) : body).accessToken);
      }
    } catch (error) {
      errors.push(String(error));
    }
    // It may have been cancelled meanwhile.
    await cdp.send('Fetch.continueResponse', { requestId }).catch(() => {});
  });
  await cdp.send('Fetch.enable', { patterns: [{ urlPattern: '*/token', requestStage: 'Response' }] });
  await page.goto(url, { waitUntil: 'load' });
  await page.click('#start');
  const text = (id) => page.$eval(id, (element) => element.textContent);
  // Before the click is handled, the status is neither busy nor idle.
  await page.waitForSelector('#prompt:not([hidden]), #status[aria-busy=false]');
  say({ code: await text('#code'), link: await page.$eval('#link', (link) => link.href) });
  const ended = page.waitForSelector('#status[aria-busy=false]', { timeout: 60_000 });
  const cancelled = once(process.stdin, 'data').then(() => page.click('#cancel'));
  await Promise.race([ended, cancelled.then(() => ended)]);
  const status = await text('#status');
  const sent = paths.length;
  // Time for a request that should not be.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const kept = await page.evaluate(() => [
    document.documentElement.outerHTML, document.cookie,
    ...Object.values(localStorage), ...Object.values(sessionStorage),
  ].join());
  const shown = tokens.some((token) => kept.includes(token));
  say({ status, paths, late: paths.length - sent, tokens: tokens.length, shown, errors });
} finally {
  await browser.close();
  process.stdin.destroy();
}
