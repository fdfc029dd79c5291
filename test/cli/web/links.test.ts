import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LinkFinder, resolveLink } from '../../../src/cli/web/links.ts';

const PAGE = 'http://site.test/a/b.html?q=1';

function findLinks(
  html: string | Uint8Array,
  charset: string | null = null,
  pieceBytes = Number.MAX_SAFE_INTEGER,
) {
  const bytes = typeof html === 'string' ? new TextEncoder().encode(html) : html;
  const finder = new LinkFinder(PAGE, charset);
  for (let at = 0; at < bytes.length; at += pieceBytes) finder.feed(bytes.subarray(at, at + pieceBytes));
  return finder.finish();
}

describe('LinkFinder', () => {
  it('finds links of all kinds that lead to pages, in order', () => {
    const html = '<a href=/1>x</a><A HREF="2">y</A><area href=\'3\'><iframe src="4"></iframe><frame src=5>';
    assert.deepEqual(findLinks(html), [
      'http://site.test/1',
      'http://site.test/a/2',
      'http://site.test/a/3',
      'http://site.test/a/4',
      'http://site.test/a/5',
    ]);
  });

  it('takes different spellings for one link, and different queries for several', () => {
    const html = [
      'c',
      './c',
      '../a/c',
      '/a/x/../c',
      '#f',
      'c#f',
      '//site.test:80/a/c',
      'HTTP://SITE.test/a/c',
      ' c\n',
    ]
      .map((href) => `<a href="${href}"></a>`)
      .join('');
    assert.deepEqual(findLinks(html), ['http://site.test/a/c', PAGE]);
    assert.deepEqual(findLinks('<a href="?x"></a><a href="?y"></a><a href="?x&amp;y"></a>'), [
      'http://site.test/a/b.html?x',
      'http://site.test/a/b.html?y',
      'http://site.test/a/b.html?x&y',
    ]);
  });

  it('is not taken in by what only looks like a link', () => {
    const html = [
      '<!-- <a href="1"></a> -->',
      '<script>"<a href=2></a>"</script><style><a href="3"></a></style>',
      '<textarea><a href="4"></a></textarea><title><a href="5"></a></title>',
      '<p title="<a href=6>">&lt;a href="7"&gt;</p>',
      '<a>none</a><a name="8"></a><link href="9"><img src="10"><form action="11"></form>',
      '<a href="mailto:x@y"></a><a href="javascript:x"></a><a href="ftp://y/"></a><a href="http://[/"></a>',
    ];
    assert.deepEqual(findLinks(html.join('\n')), []);
  });

  it('resolves against the first base element', () => {
    const html = '<base target=x><base href="/c/"><base href="/d/"><a href="e"></a>';
    assert.deepEqual(findLinks(html), ['http://site.test/c/e']);
  });

  it('reads broken HTML without complaint', () => {
    assert.deepEqual(findLinks('<p><a href="1"<b></table><a href="2'), ['http://site.test/a/1']);
    assert.deepEqual(findLinks('\0<a href=1>\xff</'), ['http://site.test/a/1']);
  });

  it('finds the same byte by byte as whole', () => {
    const html = '<title>ä</title><a href="/ä€𝄞?ö">x</a><!-- - --><a href="&#47;b&amp;c">y</a>';
    const whole = findLinks(html);
    assert.equal(whole.length, 2);
    assert.deepEqual(findLinks(html, null, 1), whole);
  });

  it('reads the charset that the server names, and UTF-8 if it does not know it', () => {
    const latin1 = Uint8Array.from('<a href="/\xe4"></a>', (character) => character.charCodeAt(0));
    assert.deepEqual(findLinks(latin1, 'iso-8859-1'), ['http://site.test/%C3%A4']);
    assert.deepEqual(findLinks('<a href="/ä"></a>', 'klingon'), ['http://site.test/%C3%A4']);
  });
});

describe('resolveLink', () => {
  it('drops fragments and credentials, and keeps empty queries', () => {
    assert.equal(resolveLink('//me:secret@h/?#x', 'https://a/'), 'https://h/?');
  });

  it('gives null for what is no web address', () => {
    for (const target of ['data:,x', 'about:blank', 'http://', 'http://a b/']) {
      assert.equal(resolveLink(target, PAGE), null, target);
    }
    assert.equal(resolveLink('x', 'no base'), null);
  });
});
