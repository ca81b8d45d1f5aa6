package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// indexer is the data API's client of the search API: after a change that readers may see, it puts or deletes the
// document in the alias on the live route, over a new connection each time and with a timeout of 45 s
// (digitalmarketplace-apiclient: dmapiclient/base.py). It sends one request; the data API decides when to
// try again. It implements data.LiveIndex.
type indexer struct {
	router, host, token string
}

func (x *indexer) Put(ctx context.Context, index, docType, id string, document json.RawMessage) error {
	body, err := json.Marshal(map[string]any{"document": document})
	if err != nil {
		return err
	}
	_, err = x.call(ctx, http.MethodPut, "/"+url.PathEscape(index)+"/"+url.PathEscape(docType)+"/"+url.PathEscape(id), body)
	return err
}

// Delete succeeds, too, if the document does not exist (dmapiclient/search.py).
func (x *indexer) Delete(ctx context.Context, index, docType, id string) error {
	_, err := x.call(ctx, http.MethodDelete, "/"+url.PathEscape(index)+"/"+url.PathEscape(docType)+"/"+url.PathEscape(id), nil)
	var answer *indexerError
	if errors.As(err, &answer) && answer.status == http.StatusNotFound {
		return nil
	}
	return err
}

// status is the search API's /_status, which the data API embeds in its own.
func (x *indexer) status(ctx context.Context) (json.RawMessage, error) {
	body, err := x.call(ctx, http.MethodGet, "/_status", nil)
	return body, err
}

// indexerError is an answer that is not a success.
type indexerError struct {
	status int
	text   string
}

func (e *indexerError) Error() string {
	return fmt.Sprintf("search API answered %d: %s", e.status, e.text[:min(len(e.text), 300)])
}

// StatusCode is the answer's.
func (e *indexerError) StatusCode() int { return e.status }

func (x *indexer) call(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	client := routerClient(x.router, true)
	client.Timeout = 45 * time.Second
	req, err := http.NewRequestWithContext(ctx, method, "http://"+x.host+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+x.token)
	req.Header.Set("User-Agent", "DM-API-Client/21.0.0")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s %s%s: %s", method, x.host, path, reasonOf(err))
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return text, &indexerError{res.StatusCode, string(text)}
	}
	return text, nil
}
