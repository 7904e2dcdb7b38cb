"""What the official Python clients of OpenAI and Anthropic must be able to do with a server, whose address is the argument."""

import json
import sys

import anthropic
import openai

url = sys.argv[1]
plain = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
claude = anthropic.Anthropic(base_url=url, api_key="none", max_retries=0)
model = plain.models.list().data[0].id
messages = [{"role": "user", "content": "Say a few words about a river."}]
schema = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 16}},
    "required": ["city"],
    "additionalProperties": False,
}


def check_chat():
    answer = plain.chat.completions.create(model=model, messages=messages, max_tokens=8)
    assert answer.choices[0].message.content and answer.usage.completion_tokens <= 8
    stream = plain.chat.completions.create(model=model, messages=messages, max_tokens=8, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def check_responses():
    answer = plain.responses.create(model=model, input="Say a word.", max_output_tokens=8, store=False)
    assert answer.output_text and answer.usage.total_tokens > 0
    with plain.responses.stream(model=model, input="Say a word.", max_output_tokens=8) as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        assert stream.get_final_response().output_text == text != ""
    try:
        plain.responses.create(model=model, input="Say a word.", previous_response_id="resp_1")
        raise AssertionError("previous_response_id is refused")
    except openai.BadRequestError as error:
        assert error.param == "previous_response_id"


def check_messages():
    answer = claude.messages.create(model=model, messages=messages, max_tokens=8)
    assert answer.content[0].text and answer.usage.output_tokens <= 8
    with claude.messages.stream(model=model, messages=messages, max_tokens=8) as stream:
        text = "".join(stream.text_stream)
        assert stream.get_final_message().content[0].text == text != ""
    counted = claude.messages.count_tokens(model=model, messages=messages)
    assert counted.input_tokens == answer.usage.input_tokens + answer.usage.cache_read_input_tokens
    try:
        claude.messages.create(model="no-such-model", messages=messages, max_tokens=8)
        raise AssertionError("an unknown model is refused")
    except anthropic.NotFoundError as error:
        assert error.body["error"]["type"] == "not_found_error"


def check_tools():
    tool = {"name": "get_weather", "description": "Tells the weather.", "input_schema": schema}
    asked = [{"role": "user", "content": "What is the weather in Bern?"}]
    choice = {"type": "tool", "name": "get_weather"}
    body = {"model": model, "messages": asked, "max_tokens": 128, "tools": [tool], "tool_choice": choice}
    with claude.messages.stream(**body) as stream:
        message = stream.get_final_message()
    assert message.stop_reason == "tool_use" and "city" in message.content[-1].input
    function = {"type": "function", "name": "get_weather", "parameters": schema, "strict": True}
    answer = plain.responses.create(
        model=model, input=asked, max_output_tokens=128, tools=[function], tool_choice="required"
    )
    call = next(item for item in answer.output if item.type == "function_call")
    assert "city" in json.loads(call.arguments)


for check in (check_chat, check_responses, check_messages, check_tools):
    check()
    print(check.__name__)
